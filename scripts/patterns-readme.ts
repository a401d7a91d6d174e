/**
 * Makes patterns/README.md and the pictures beside it from the library itself.
 *
 *   npx tsx scripts/patterns-readme.ts           write them
 *   npx tsx scripts/patterns-readme.ts --check   fail when they are not what the library says
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { toMaskInput } from "../compiler/cli/input-forms.js";
import { nodeHost } from "../compiler/cli/host.js";
import { fixedLength, runtimeParams } from "../compiler/cli/lengths.js";
import { buildOperators, checkFile } from "../compiler/driver/pipeline.js";
import { headEvaluator } from "../compiler/mask/evaluate.js";
import type { MaskEnv } from "../compiler/mask/evaluate.js";
import type { MaskModule } from "../compiler/mask/ir.js";
import { blockFor, percent, tileGrid } from "../compiler/picture/grid.js";
import type { Cell, TileGrid } from "../compiler/picture/grid.js";
import { svg } from "../compiler/picture/svg.js";
import { headKey } from "../compiler/tiles/plan.js";
import { fixedCounts } from "../compiler/targets/manifest.js";
import { randomInput } from "../runtime/verify/inputs.js";
import { random } from "../runtime/verify/random.js";

const folder = fileURLToPath(new URL("../patterns/", import.meta.url));
const LENGTH = 512;
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

function environment(module: MaskModule): MaskEnv {
  const params: Record<string, number> = { ...runtimeParams(module) };
  for (const axis of module.space.axes) if (axis.extent === "runtime") params[axis.name] ??= 16;
  const N = fixedLength(module, params) ?? LENGTH;
  const { heads, kvHeads } = module.shape;
  const layers = fixedCounts(module).layers ?? 4;
  const source = random(1);
  const sizes = { batch: 1, heads, kvHeads, queries: N, keys: N, lastPosition: N };
  const lengths = { N, NQ: N, space: module.space.kind };
  const inputs = Object.fromEntries(module.inputs.map((spec) => [spec.name, toMaskInput(spec, randomInput(spec, sizes, source), lengths)]));
  return { N, NQ: N, heads, kvHeads, params, inputs, layer: 0, layers, step: 1, steps: 4, phase: 0 };
}

/** Up to two heads that the mask tells apart. */
function distinctHeads(module: MaskModule, env: MaskEnv): readonly number[] {
  const keys = Array.from({ length: env.heads }, (_, head) => headKey(module, env, head));
  return keys.flatMap((key, head) => (keys.indexOf(key) === head ? [head] : [])).slice(0, 2);
}

function gridOf(module: MaskModule, env: MaskEnv, head: number): TileGrid {
  const block = blockFor(env.N, TILES);
  if (env.N <= EXACT_LENGTH) return tileGrid(module, env, { head, blockQ: block, blockK: block });
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
  `Pictures and densities are at the defaults and ${LENGTH} tokens, or at the length that a grid fixes; inputs are random.`,
  `Density is the share of all query-key pairs of a head that is looked at (dark: full tile, light: partial).`,
  "All of them are verified by `attnc verify patterns`.",
  "",
];

for (const name of readdirSync(folder)
  .filter((file) => file.endsWith(".attn"))
  .sort()) {
  const file = nodeHost.library().find((each) => each.name === `std/${name}`)!;
  const built = buildOperators(checkFile(file, nodeHost));
  lines.push(`## [${name}](${name})`, "", "| operator | what it is | tokens | density | picture |", "|---|---|---|---|---|");
  for (const module of built.modules) {
    const env = environment(module);
    const grids = distinctHeads(module, env).map((head) => gridOf(module, env, head));
    outputs.set(`pictures/${module.name}.svg`, svg(grids));
    const density = grids.map((grid) => (env.N > EXACT_LENGTH ? `about ${percent(grid.density)}` : percent(grid.density))).join(", ");
    const what = (module.doc ?? "")
      .split(/\n\s*\n/)[0]!
      .replaceAll("\n", " ")
      .replaceAll("|", "\\|");
    lines.push(
      `| \`${module.name}\` | ${what} | ${env.N} | ${density} | <img src="pictures/${module.name}.svg" height="160" alt="mask of ${module.name}"> |`,
    );
  }
  lines.push("");
}

lines.push(
  "## Published systems",
  "",
  "Rows 1 to 31 of the list of systems that the language is measured by: static masks, index spaces, mixtures of heads and layers.",
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
