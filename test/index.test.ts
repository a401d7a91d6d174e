import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";
import { check, compile, cost, explain, format, generate, libraryFile, memoryHost, renderPretty } from "../compiler/index.js";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The modules that a file imports when it runs: imports of types are gone then. */
function importsOf(file: string): readonly string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const named = ts.isImportDeclaration(node) || ts.isExportDeclaration(node) ? node.moduleSpecifier : undefined;
    const types = ts.isImportDeclaration(node) ? node.importClause?.isTypeOnly : ts.isExportDeclaration(node) && node.isTypeOnly;
    if (named && !types) found.push((named as ts.StringLiteral).text);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      found.push((node.arguments[0] as ts.StringLiteral).text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest));
  return found;
}

/** The packages that a file and all that it reaches in the repository import, in order. */
function packagesReached(entry: string): readonly string[] {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith(".")) visit(join(dirname(file), specifier.replace(/\.js$/, ".ts")));
      else packages.add(specifier);
    }
  };
  visit(join(root, entry));
  expect(seen.size).toBeGreaterThan(entry.startsWith("compiler") ? 60 : 10);
  return [...packages].sort();
}

test("the library needs nothing of Node", () => {
  expect(packagesReached("compiler/index.ts")).toEqual([
    "@babel/code-frame",
    "chevrotain",
    "picocolors",
    "prettier/plugins/estree",
    "prettier/plugins/typescript",
    "prettier/standalone",
    "ts-morph",
  ]);
});

test("the runtime needs nothing at all", () => {
  expect(packagesReached("runtime/index.ts")).toEqual([]);
});

const SLIDING = "attention sliding(window: runtime = 16) {\n  space  seq causal\n  attend q - k < window\n}\n";

test("check says what is wrong and where", () => {
  expect(check(SLIDING)).toEqual([]);
  const [found] = check(SLIDING.replace("< window", "< windw"), { file: "mine.attn" });
  expect(found).toMatchObject({ code: "ATTN2001", severity: "error" });
  expect(found!.span!.file.name).toBe("mine.attn");
  expect(renderPretty([found!])).toContain("did you mean `window`?");
});

test("format gives the one layout, or the reason why not", () => {
  expect(format("attention a{\nspace seq causal\nattend all}")).toEqual({ text: "attention a {\n  space  seq causal\n  attend all\n}\n" });
  expect(format("attention a {")).toMatchObject({ diagnostics: [{ code: "ATTN1014" }] });
});

test("explain knows every code and no other", () => {
  expect(explain("ATTN1001")).toMatch(/^# ATTN1001: /);
  expect(explain("ATTN1")).toBeUndefined();
  expect(explain("toString")).toBeUndefined();
});

test("compile gives kernels and manifests", () => {
  const { operators, diagnostics } = compile(SLIDING, { shape: { heads: 4, headDim: 32 }, params: { window: 8 }, headDims: [32, 64] });
  expect(diagnostics).toEqual([]);
  const [{ name, launch }] = operators as [(typeof operators)[number]];
  expect(name).toBe("sliding");
  expect(launch.defaults).toEqual({ heads: 4, kvHeads: 4, headDim: 32, valueDim: 32 });
  expect(launch.params).toEqual([{ name: "window", default: 8 }]);
  expect(new Set(launch.variants.map((v) => v.headDim))).toEqual(new Set([32, 64]));
  for (const { wgsl } of launch.variants) expect(wgsl).toContain("@compute");
});

test("compile takes one attention of several, and files and a library from a host", () => {
  const host = memoryHost({ "parts/near.attn": "pattern near_keys(w = 4) { attend q - k < w }\n" }, [
    libraryFile("wide.attn", "pattern wide(w = 64) { attend q - k < w }\n"),
  ]);
  const text = `import { near_keys } from "./parts/near.attn"
import { wide } from "std"
attention a { space seq causal
  attend near_keys(w: 2) }
attention b { space seq causal
  attend wide() }
`;
  expect(check(text, { host })).toEqual([]);
  expect(check(text).map((d) => d.code)).toEqual(["ATTN2010", "ATTN2011"]);
  expect(compile(text, { host }).operators.map((o) => o.name)).toEqual(["a", "b"]);
  expect(compile(text, { host, name: "b" }).operators.map((o) => o.name)).toEqual(["b"]);
});

test("cost reports what a call costs", () => {
  const text =
    "attention close {\n  space seq causal\n  attend q - k < 128\n}\nattention own {\n  space seq causal\n  input doc : ids\n  attend doc[q] == doc[k]\n}\n";
  const [close, own] = compile(text).operators;
  const report = cost(close!, { length: 4096 });
  // 128 keys for each query but the first 127, in each of 8 heads.
  expect(report.ideal.pairs).toBe(8 * (128 * 4096 - (127 * 128) / 2));
  expect(report.evictable).toMatchObject({ evictable: true, scope: "every length" });
  expect(() => cost(own!, { length: 4096 })).toThrow("own depends on its inputs: doc");
  // A call is checked as the kernels check it.
  const open = compile("attention open {\n  space grid(x: ?)\n  attend q.x == k.x\n}\n").operators[0]!;
  expect(() => cost(close!, { length: 0 })).toThrow("ATTN5202");
  expect(() => cost(close!, { length: 64, params: { widow: 3 } })).toThrow("ATTN5203");
  expect(() => cost(open, { length: 64 })).toThrow("ATTN5203");
  expect(() => cost(open, { length: 64, params: { x: 63 } })).toThrow("ATTN5202");
  expect(cost(open, { length: 64, params: { x: 64 } }).ideal.pairs).toBe(8 * 64);
});

test("mistakes are values", () => {
  expect(compile("attention a {")).toMatchObject({ operators: [], diagnostics: [{ code: "ATTN1014" }] });
  expect(compile(SLIDING, { name: "other" })).toMatchObject({ operators: [], diagnostics: [{ code: "ATTN3015" }] });
  expect(compile(SLIDING, { headDims: [64, 63] })).toMatchObject({ operators: [], diagnostics: [{ code: "ATTN3001" }] });
  expect(compile(SLIDING, { params: { windw: 1 } })).toMatchObject({ operators: [], diagnostics: [{ code: "ATTN3009" }] });
});

test("generate writes bindings and kernels", async () => {
  const { operators } = compile(SLIDING);
  const files = await generate(operators, { file: "src/sliding.attn", js: true });
  expect(files.map((f) => f.name)).toEqual([
    "sliding.attn.js",
    "sliding.attn.d.ts",
    "sliding.sliding.d64.f32-gpu.wgsl",
    "sliding.sliding.d64.f32-software.wgsl",
  ]);
  expect(files[0]!.text).toContain("createSliding");
});

test("generate writes for CUDA and PyTorch", async () => {
  const { operators } = compile(SLIDING);
  const files = await generate(operators, { file: "src/sliding.attn", targets: ["cuda", "torch"], dtypes: ["f16"] });
  expect(files.map((f) => f.name)).toEqual(["sliding.attn.cuda.ts", "sliding.sliding.cu", "sliding.sliding.h", "sliding_sliding.py"]);
  expect(files[1]!.text).toContain("attnc_sliding_cores_f16_d64(");
});

test("bf16 compiles to no WebGPU kernel, and generates none", async () => {
  const { operators } = compile("attention a {\n  space seq causal\n  shape dtype: bf16\n  attend all\n}\n");
  expect(operators.map(({ launch }) => [launch.dtype, launch.variants])).toEqual([["bf16", []]]);
  await expect(generate(operators, { file: "a.attn" })).rejects.toThrow(
    new TypeError("a is of dtype bf16, and WebGPU has none: choose another target"),
  );
  expect(await generate(operators, { file: "a.attn", targets: ["cuda"] })).toHaveLength(3);
});
