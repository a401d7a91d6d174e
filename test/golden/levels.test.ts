import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import type { MaskSettings } from "../../compiler/mask/build/settings.js";
import { printModule } from "../../compiler/mask/print.js";
import { printProgram } from "../../compiler/program/print.js";
import { verifyProgram } from "../../compiler/program/verify.js";
import { textOf } from "../../compiler/source/file.js";
import { wgslVariants } from "../../compiler/targets/wgsl/operator.js";
import { planTiles } from "../../compiler/tiles/plan.js";
import { printPlan } from "../../compiler/tiles/print.js";
import { libraryModule } from "../targets/library-modules.js";

/**
 * Declarations of the library at every level, from the text to the kernels: `levels/NAME.txt` and
 * `levels/NAME.VARIANT.wgsl`. `npx vitest run test/golden -u` writes them anew; read the difference
 * before you keep it.
 */
const folder = new URL("./levels/", import.meta.url);

/** Small kernels show the same things in fewer lines. */
const small: MaskSettings = { shape: { headDim: 16, valueDim: 16 } };

/** Together they have every feature that shows in a kernel. */
const declarations: readonly (readonly [file: string, name: string, settings: MaskSettings])[] = [
  ["windows.attn", "sliding_window", { params: { window: 256 } }],
  ["windows.attn", "sliding_window_runtime", small],
  ["strided_shards.attn", "s2_heads", small],
  ["neighborhood.attn", "neighborhood_2d", small],
  ["caller_maps.attn", "vertical_slash", small],
  ["documents.attn", "packed_documents", small],
  ["head_tables.attn", "duo", { shape: { ...small.shape, dtype: "f16" } }],
  ["token_types.attn", "region_cross", small],
  ["power.attn", "power", { shape: { headDim: 16, valueDim: 24 } }],
];

const made = new Set<string>();

test.each(declarations)("%s#%s", async (file, name, settings) => {
  const { module, checked } = libraryModule(file, name, settings);
  const declaration = checked.tree.items.find((item) => item.kind === "attention" && item.name.name === name)!;
  const variants = wgslVariants(module, [module.shape]);
  for (const { program } of variants) expect(verifyProgram(program)).toEqual([]);
  const levels = [
    ["declaration", textOf(declaration.span) + "\n"],
    ["mask", printModule(module)],
    ["tile plan", printPlan(planTiles(module))],
    ["tile program", printProgram(variants[0]!.program)],
  ];
  const files = new Map([[`${name}.txt`, levels.map(([title, text]) => `---- ${title}\n\n${text}`).join("\n")]]);
  for (const { variant } of variants) files.set(`${name}.${variant.name}.wgsl`, variant.wgsl);
  for (const each of files.keys()) made.add(each);
  for (const [each, text] of files) await expect(text).toMatchFileSnapshot(new URL(each, folder).pathname);
});

test("no golden is left over from what is no longer made", () => {
  expect(declarations.map(([, name]) => name).filter((name) => !made.has(`${name}.txt`))).toEqual([]);
  expect(readdirSync(folder).filter((file) => !made.has(file))).toEqual([]);
});
