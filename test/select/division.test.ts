import { expect, test } from "vitest";
import { buildMasks } from "../../compiler/mask/index.js";
import { lowerSelections } from "../../compiler/select/lower.js";
import { sizeEvaluator } from "../../compiler/select/sizes.js";
import { analyze } from "../../compiler/semantics/index.js";
import type { SelectionSpec } from "../../runtime/launch/module.js";
import { divideCall, type ScratchLimit } from "../../runtime/launch/selection/division.js";
import { firstPart, partRuns, type CallShape } from "../../runtime/launch/selection/parts.js";
import { libraryFiles, libraryHost, parseFile } from "../patterns/library.js";

const LIMIT: ScratchLimit = { bytes: 2 ** 27, name: "the least that WebGPU allows", remedy: "Ask for more." };

/** What a launcher knows of the selections of an attention of the library. */
function selecting(file: string, name: string) {
  const source = libraryFiles.find((each) => each.name === `std/${file}.attn`)!;
  const { model } = analyze(source, parseFile(source), libraryHost());
  const [module] = buildMasks(model, name, {}).modules;
  const { scratch, parts, stages } = lowerSelections(module!)!;
  const selection: SelectionSpec = {
    sizes: sizeEvaluator([scratch]),
    ...{ scratch: 0, matrices: [], parts, floatInputs: [], stages: [], uniforms: [] },
  };
  return { space: module!.space.kind, selection, stages };
}

const shapeAt = (length: number, heads: number, kvHeads = heads): CallShape => ({
  ...{ batch: 1, heads, kvHeads, headDim: 64 },
  ...{ N: length, NQ: length },
});

test.each([
  ["block_maps", "sparse_d", 1],
  ["block_maps", "sale_exact", 1],
  ["block_maps", "xattention", 1],
  ["compressed_keys", "nsa_selected", 4],
  ["token_lists", "token_select", 1],
  ["token_lists", "recycled", 1],
  ["page_bounds", "quest", 1],
] as const)("%s#%s fits into 128 MiB at 16384 tokens", (file, name, group) => {
  const module = selecting(file, name);
  const bytes = (shape: CallShape): { whole: number; part: number } => {
    const division = divideCall(module, shape, LIMIT);
    const of = (each: typeof division): number => 4 * module.selection.sizes({ ...shape, ...firstPart(each, shape) })[0]!;
    const whole = of({ batch: shape.batch, kvHeads: shape.kvHeads, queries: 2 ** 20 });
    // All queries of all heads are run, each once.
    const runs = partRuns(module.stages, { space: module.space, rules: module.selection.parts, shape, division });
    const last = module.stages.filter(({ strips }) => strips !== undefined).pop();
    const queries = runs.map(({ part, stages }) => (stages.includes(last!) ? (part.endQuery - part.firstQuery) * part.partKvHeads : 0));
    if (last !== undefined) expect(queries.reduce((a, b) => a + b)).toBe(shape.NQ * shape.kvHeads);
    return { whole, part: of(division) };
  };
  for (const heads of [8, 32]) {
    const { whole, part } = bytes(shapeAt(16384, heads, heads / group));
    expect(whole).toBeGreaterThan(LIMIT.bytes);
    expect(part).toBeLessThanOrEqual(LIMIT.bytes);
    // Large parts: a device has enough to do.
    expect(part).toBeGreaterThan(2 ** 24);
  }
});

test("a call that fits is not divided, one that cannot fit is refused with what it needs", () => {
  const module = selecting("block_maps", "sparse_d");
  const small = shapeAt(1024, 8);
  expect(divideCall(module, small, LIMIT)).toEqual({ batch: 1, kvHeads: 8, queries: 1024 });
  expect(() => divideCall(module, shapeAt(1 << 20, 8), { ...LIMIT, bytes: 2 ** 24 })).toThrow(
    "ATTN5218: the selections' intermediate results: expected at most 16777216 bytes (the least that WebGPU allows), found ",
  );
  expect(() => divideCall(module, shapeAt(1 << 20, 8), { ...LIMIT, bytes: 2 ** 24 })).toThrow(
    " bytes for 128 queries of 1 head, the least that can be computed at a time. Ask for more.",
  );
});
