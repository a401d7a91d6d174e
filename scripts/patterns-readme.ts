/**
 * Makes patterns/README.md and the pictures beside it from the library itself.
 *
 *   npx tsx scripts/patterns-readme.ts           write them
 *   npx tsx scripts/patterns-readme.ts --check   fail when they are not what the library says
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeHost } from "../compiler/cli/host.js";
import { buildOperators, checkFile } from "../compiler/driver/pipeline.js";
import { headEvaluator } from "../compiler/mask/evaluate.js";
import type { MaskEnv } from "../compiler/mask/evaluate.js";
import type { MaskSettings } from "../compiler/mask/build/settings.js";
import type { MaskModule } from "../compiler/mask/ir.js";
import { blockFor, percent, tileGrid } from "../compiler/picture/grid.js";
import type { Cell, TileGrid } from "../compiler/picture/grid.js";
import { svg } from "../compiler/picture/svg.js";
import { headKey } from "../compiler/tiles/plan.js";
import type { SourceFile } from "../compiler/source/file.js";
import { fixedCounts } from "../compiler/targets/manifest.js";
import { pictureCall, type PictureSettings } from "./pattern-call.js";

const folder = fileURLToPath(new URL("../patterns/", import.meta.url));
const TILES = 32;
/** Past this length a picture looks at some pairs of each tile only. */
const EXACT_LENGTH = 2048;

interface Row {
  readonly row: string;
  readonly system: string;
  readonly status: "works" | "partly" | "missing";
  readonly patterns: readonly string[];
  readonly missing?: string;
}

interface Shown {
  readonly name: string;
  readonly doc: string;
  /** The operator, or the branches of it. */
  readonly modules: readonly MaskModule[];
  readonly settings: PictureSettings;
}

/** The operators of a file with what their pictures set: those with selections have two heads where no table fixes them. */
function operatorsOf(file: SourceFile): readonly Shown[] {
  const checked = checkFile(file, nodeHost);
  return checked.model!.attentions.map(({ name }) => {
    const settings = pictures[name] ?? {};
    const build = (shape: MaskSettings["shape"]): Omit<Shown, "name" | "settings"> => {
      const { modules, branched, diagnostics } = buildOperators(checked, name, { params: settings.set, shape });
      const [module, mask] = [modules[0], branched[0]];
      if (module) return { doc: module.doc ?? "", modules: [module] };
      if (mask) return { doc: mask.doc ?? "", modules: mask.branches.map((branch) => branch.module) };
      throw new Error(`${name}: ${diagnostics.map((each) => each.message).join("; ")}`);
    };
    const built = build(undefined);
    const free = (module: MaskModule): boolean => fixedCounts(module).heads === undefined && fixedCounts(module).kvHeads === undefined;
    const selects = built.modules.some((module) => module.selections !== undefined);
    return { name, settings, ...(selects && built.modules.every(free) ? build({ heads: 2, kvHeads: 2 }) : built) };
  });
}

/** Up to two heads that the mask tells apart. */
function distinctHeads(module: MaskModule, env: MaskEnv): readonly number[] {
  const keys = Array.from({ length: env.heads }, (_, head) => headKey(module, env, head));
  return keys.flatMap((key, head) => (keys.indexOf(key) === head ? [head] : [])).slice(0, 2);
}

function gridOf(module: MaskModule, env: MaskEnv, head: number): TileGrid {
  const block = blockFor(env.N, TILES);
  if (env.N <= EXACT_LENGTH) return tileGrid(module, env, { head, blockQ: blockFor(env.NQ, TILES), blockK: block });
  const looks = headEvaluator(module, env, 0, head);
  const tiles = Math.ceil(env.N / block);
  const step = Math.max(1, Math.floor(block / 24));
  let seen = 0;
  let tried = 0;
  const cell = (row: number, column: number): Cell => {
    let hits = 0;
    let count = 0;
    for (let q = row * block; q < Math.min((row + 1) * block, env.N); q += step) {
      // Odd steps for the keys, so that columns of a grid do not fall in line with the sample.
      for (let k = column * block; k < Math.min((column + 1) * block, env.N); k += step + 2) {
        count++;
        if (looks(q, k)) hits++;
      }
    }
    seen += hits;
    tried += count;
    return { class: hits === 0 ? "empty" : hits === count ? "full" : "partial", share: hits / count };
  };
  const cells = Array.from({ length: tiles }, (_, row) => Array.from({ length: tiles }, (_, column) => cell(row, column)));
  return { title: module.name, head, queries: env.N, keys: env.N, blockQ: block, blockK: block, cells, density: seen / tried };
}

const pictures = JSON.parse(readFileSync(join(folder, "pictures.json"), "utf8")) as Readonly<Record<string, PictureSettings>>;
const setText = ({ set = {} }: PictureSettings): string =>
  Object.entries(set)
    .map(([name, value], i) => `${i === 0 ? "; " : ", "}${name} ${value}`)
    .join("");

const outputs = new Map<string, string>();
const rows = JSON.parse(readFileSync(join(folder, "rows.json"), "utf8")) as readonly Row[];
const lines: string[] = [
  "<!-- Made by `npm run patterns:readme`; do not edit. -->",
  "",
  "# The pattern library",
  "",
  'Every file here is part of `std`: `import { a_shape } from "std"`. None of these names is known to the compiler.',
  "The doc comment of each declaration says where the pattern comes from and what its parameters mean.",
  "",
  "Pictures and densities are at the defaults and 512 tokens, or at the length that a grid fixes; inputs are random.",
  "What looks at the data is shown on fewer tokens with the settings beside their number, on random queries and keys: neighbours are alike,",
  "and all queries look for a few of the keys.",
  `Density is the share of all query-key pairs of a head that is looked at (dark: full tile, light: partial).`,
  "All of them are verified by `attnc verify patterns`.",
  "",
];

for (const name of readdirSync(folder)
  .filter((file) => file.endsWith(".attn"))
  .sort()) {
  const file = nodeHost.library().find((each) => each.name === `std/${name}`)!;
  lines.push(`## [${name}](${name})`, "", "| operator | what it is | tokens | density | picture |", "|---|---|---|---|---|");
  for (const { name, doc, modules, settings } of operatorsOf(file)) {
    const calls = modules.map((module) => ({ module, env: pictureCall(module, settings) }));
    const grids = calls.flatMap(({ module, env }) => distinctHeads(module, env).map((head) => gridOf(module, env, head)));
    outputs.set(`pictures/${name}.svg`, svg(grids));
    const density = grids.map((grid) => (grid.keys > EXACT_LENGTH ? `about ${percent(grid.density)}` : percent(grid.density))).join(", ");
    const what = doc
      .split(/\n\s*\n/)[0]!
      .replaceAll("\n", " ")
      .replaceAll("|", "\\|");
    const tokens = `${calls[0]!.env.NQ}${setText(settings)}`;
    lines.push(`| \`${name}\` | ${what} | ${tokens} | ${density} | <img src="pictures/${name}.svg" height="160" alt="mask of ${name}"> |`);
  }
  lines.push("");
}

lines.push(
  "## Published systems",
  "",
  "Rows 1 to 81 of the list of systems that the language is measured by: static masks, index spaces, mixtures of heads and layers (1 to 31), selections that look at the data (32 to 81).",
  "",
  "| row | system | state | patterns | missing |",
  "|---|---|---|---|---|",
  ...rows.map((r) => `| ${r.row} | ${r.system} | ${r.status} | ${r.patterns.map((p) => `\`${p}\``).join(", ")} | ${r.missing ?? ""} |`),
  "",
);
outputs.set("README.md", lines.join("\n"));

if (process.argv.includes("--check")) {
  const stale = [...outputs].filter(([path, text]) => !existsSync(join(folder, path)) || readFileSync(join(folder, path), "utf8") !== text);
  const extra = readdirSync(join(folder, "pictures")).filter((name) => !outputs.has(`pictures/${name}`));
  for (const path of [...stale.map(([path]) => path), ...extra.map((name) => `pictures/${name}`)]) {
    process.stderr.write(`patterns/${path} is not what the library says; run npm run patterns:readme\n`);
  }
  process.exitCode = stale.length + extra.length > 0 ? 1 : 0;
} else {
  rmSync(join(folder, "pictures"), { recursive: true, force: true });
  mkdirSync(join(folder, "pictures"));
  for (const [path, text] of outputs) writeFileSync(join(folder, path), text);
  process.stderr.write(`wrote patterns/README.md and ${outputs.size - 1} pictures\n`);
}
