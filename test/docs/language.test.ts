import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { catalogue } from "../../compiler/diagnostics/catalogue.js";
import { buildOperators, checkFile } from "../../compiler/driver/pipeline.js";
import { evaluateMask } from "../../compiler/mask/evaluate.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { libraryFile, memoryHost } from "../../compiler/semantics/index.js";
import { sourceFile } from "../../compiler/source/file.js";
import { constants, functionNames, laterFunctions, outputFunctions, variables } from "../../compiler/semantics/builtins.js";
import { format } from "../../compiler/syntax/format.js";
import { tensorFunctions } from "../../compiler/semantics/tensors/names.js";
import { clauseKeywords } from "../../compiler/syntax/tokens.js";
import { queryOffset } from "../../compiler/tiles/plan.js";
import { show } from "../semantics/compile.js";
import { blocksOf, type Block } from "./blocks.js";

/**
 * Holds the documentation to what the compiler does. In the Markdown files below
 * - a block `attn` is a whole file that compiles without a diagnostic,
 * - a block `attn wrong` is one that gives the diagnostic whose code stands after `wrong` or in the next line of text,
 * - a block `attn warns CODE` is one that compiles with warnings of that code and no other,
 * - a block `tsv NAME`, `csv NAME` or `json NAME` is a file that the other blocks may read,
 * - a block `mask NAME keys=N …` is the mask of an attention of the `attn` block before it.
 */
const documents = ["docs/language.md", "README.md"];

const folder = new URL("../../patterns/", import.meta.url);
const library = readdirSync(folder)
  .filter((name) => name.endsWith(".attn"))
  .map((name) => libraryFile(name, readFileSync(new URL(name, folder), "utf8")));

/** As the command line does it. */
function compile(text: string, files: Readonly<Record<string, string>>, name?: string) {
  const file = sourceFile("example.attn", text);
  return buildOperators(checkFile(file, memoryHost(files, library)), name);
}

function filesOf(blocks: readonly Block[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    blocks.flatMap(({ info, text }) => {
      const file = /^(?:tsv|csv|json) (\S+)$/.exec(info);
      return file === null ? [] : [[file[1]!, text]];
    }),
  );
}

/** The picture that the documentation draws: a line to a query, `#` where it looks at the key. */
function draw(module: MaskModule, options: ReadonlyMap<string, string>): string {
  const number = (name: string): number | undefined => (options.has(name) ? Number(options.get(name)) : undefined);
  const N = number("keys")!;
  const phase = module.phases.indexOf(options.get("phase") ?? "");
  const env: MaskEnv = {
    N,
    NQ: number("queries") ?? N,
    heads: module.shape.heads,
    kvHeads: module.shape.kvHeads,
    layer: number("layer"),
    layers: number("layers"),
    ...(phase < 0 ? {} : { phase }),
    params: Object.fromEntries(module.params.map((param) => [param.name, number(param.name) ?? param.default ?? 0])),
  };
  const first = queryOffset(module, env);
  const row = (q: number): string =>
    Array.from({ length: N }, (_, k) => (evaluateMask(module, env, 0, number("h") ?? 0, q, k) ? "#" : ".")).join("");
  return Array.from({ length: env.NQ }, (_, i) => row(first + i) + "\n").join("");
}

for (const document of documents) {
  const blocks = blocksOf(document);
  const files = filesOf(blocks);
  const place = ({ line }: Block): string => `${document}:${line}`;

  for (const [i, block] of blocks.entries()) {
    if (document === "docs/language.md" && /^attn\b/.test(block.info)) {
      test(`${place(block)} is in the formatter's layout`, () =>
        expect(format(sourceFile("example.attn", block.text))).toEqual({ text: block.text }));
    }
    if (block.info === "attn") {
      test(`${place(block)} compiles`, () => {
        expect(compile(block.text, files).diagnostics.map(show)).toEqual([]);
      });
    } else if (block.info.startsWith("attn warns ")) {
      test(`${place(block)} compiles with the warning it names`, () => {
        const { modules, diagnostics } = compile(block.text, files);
        expect(modules).not.toEqual([]);
        expect([...new Set(diagnostics.map((d) => d.code))]).toEqual([block.info.split(" ")[2]]);
      });
    } else if (block.info.startsWith("attn wrong")) {
      test(`${place(block)} gives the diagnostic it names`, () => {
        const named = /ATTN\d{4}/.exec(`${block.info} ${block.after}`)?.[0];
        expect(named, "no code stands beside the block").toBeDefined();
        expect(compile(block.text, files).diagnostics.map((d) => d.code)).toContain(named);
      });
    } else if (block.info.startsWith("mask ")) {
      test(`${place(block)} is the mask of the example above`, () => {
        const [, name, ...pairs] = block.info.split(" ");
        const source = blocks.slice(0, i).findLast((each) => /^attn( warns .*)?$/.test(each.info))!;
        const [module] = compile(source.text, files, name).modules;
        const options = new Map(pairs.map((pair) => pair.split("=") as [string, string]));
        expect(draw(module!, options)).toBe(block.text);
      });
    } else if (block.info.startsWith("attn")) {
      test(`${place(block)} has a mark that the tests know`, () => expect.fail(`\`${block.info}\``));
    }
  }
}

const reference = readFileSync(new URL("../../docs/language.md", import.meta.url), "utf8");
/** What stands in the reference in backquotes, without arguments: `min(a, b, …)` counts as `min`. */
const mentioned = new Set([...reference.matchAll(/`([A-Za-z_]\w*)[^`\n]*`/g)].map((match) => match[1]!));

test.each([
  ...functionNames,
  ...tensorFunctions,
  ...laterFunctions,
  ...outputFunctions,
  ...variables.keys(),
  ...constants.keys(),
  ...Object.keys(clauseKeywords),
])("the language reference mentions %s", (name) => expect(mentioned).toContain(name));

test.each(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/language.md"])("every code in %s is in the catalogue", (path) => {
  const file = new URL(`../../${path}`, import.meta.url);
  const codes = existsSync(file) ? readFileSync(file, "utf8").match(/ATTN\d{4}/g) : null;
  expect((codes ?? []).filter((code) => !Object.hasOwn(catalogue, code))).toEqual([]);
});
