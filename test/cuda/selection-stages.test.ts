import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { lowerSelections } from "../../compiler/select/lower.js";
import type { SelectionCall } from "../../compiler/select/memory.js";
import { printSelection } from "../../compiler/targets/cuda/select/source.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { int } from "../../compiler/mask/make.js";
import type { Keep, Selection } from "../../compiler/mask/selection.js";
import type { CudaDtype } from "../../runtime/cuda/module.js";
import { fromDeviceElements, toDeviceElements } from "../../runtime/launch/host-tensors.js";
import { random } from "../../runtime/verify/random.js";
import { selectionCase } from "../select/arbitrary.js";
import { addsUp, divisionsOf } from "../select/divisions.js";
import { firstDifference } from "../select/lockstep.js";
import { blockSparse, coarseToFine, moba, moduleWith, quest, verticalSlash } from "../select/policies.js";
import * as t from "../select/tensors.js";
import { emulatedDevice } from "./emulated-device.js";
import { runStagesOnCuda, stagesSource } from "./selection-stages.js";

const device = emulatedDevice();
const skipped = typeof device === "string" ? ` (skipped: ${device})` : "";

/** Numbers as a tensor of the type holds them. */
const rounded = (dtype: CudaDtype, values: Float32Array): Float32Array =>
  dtype === "f32" ? values : fromDeviceElements(dtype, (toDeviceElements(dtype, values) as Uint16Array<ArrayBuffer>).buffer, values.length);

function callOf(N: number, NQ: number, seed: number): SelectionCall {
  const [heads, kvHeads, headDim, batch] = [4, 2, 8, 2];
  const next = random(seed);
  const noise = (count: number): Float32Array => Float32Array.from({ length: count }, () => next.normal());
  return {
    env: { N, NQ, heads, kvHeads },
    batch,
    headDim,
    q: noise(batch * heads * NQ * headDim),
    k: noise(batch * kvHeads * N * headDim),
  };
}

describe.skipIf(typeof device === "string")(`stages of selections on the emulated device${skipped}`, () => {
  const emulated = device as Exclude<typeof device, string>;
  afterAll(() => emulated.reset());

  function check(module: MaskModule, calls: readonly SelectionCall[], dtype: CudaDtype, checked: boolean): void {
    const selection = printSelection(lowerSelections(module)!, [dtype]);
    const kernels = emulated.compile(stagesSource(selection), { checked });
    for (const [i, given] of calls.entries()) {
      const call = { ...given, q: rounded(dtype, given.q), k: rounded(dtype, given.k) };
      const result = runStagesOnCuda(emulated, kernels, selection, call, dtype, i);
      expect(firstDifference(selection.program, call, result, 1e-5)).toBe(undefined);
      // In parts the same is chosen, bit for bit.
      if (addsUp(selection.program)) continue;
      const division = divisionsOf(selection.program, call, 1)[2]!;
      expect(runStagesOnCuda(emulated, kernels, selection, call, dtype, i, division).bits).toEqual(result.bits);
    }
  }

  const calls = [callOf(150, 150, 1), callOf(77, 40, 2), callOf(33, 1, 3)];
  const policies = { MoBA: [moba(16, 3)], "block-sparse": [blockSparse(16, 3)], "vertical-slash": verticalSlash(16, 12, 20, 3, 16) };
  for (const [name, selections] of Object.entries(policies)) {
    for (const dtype of ["f32", "f16", "bf16"] as const) {
      test(`${name} in ${dtype}`, () => check(moduleWith(selections), calls, dtype, dtype === "f16"));
    }
  }

  test("selections that read others, and stages with several results, in bf16", () =>
    check(moduleWith([...coarseToFine(16, 3), quest(16, 4)]), calls, "bf16", true));

  const rules: readonly (readonly [name: string, keep: Keep])[] = [
    ["the best", { rule: { kind: "top", n: int(300) }, scope: "row" }],
    ["the best of a head", { rule: { kind: "top", n: int(1500) }, scope: "head" }],
    ["a mass", { rule: { kind: "mass", p: { kind: "number", value: 0.7 } }, least: int(2), scope: "row" }],
    ["a mass of a head", { rule: { kind: "mass", p: { kind: "number", value: 0.97 } }, most: int(2000), scope: "head" }],
    ["a threshold", { rule: { kind: "threshold", t: { kind: "number", value: 0.5 } }, scope: "row" }],
    ["a fraction", { rule: { kind: "fraction", f: { kind: "number", value: 0.37 } }, scope: "row" }],
  ];
  test.each(rules)("rows longer than a block has threads, with ties across warps: %s", (_, keep) => {
    const [N, NQ, heads, batch] = [1300, 130, 2, 1];
    // Rows of 64 queries: the first of them begins before the first query.
    const rows = Math.floor((N - 1) / 64) - Math.floor((N - NQ) / 64) + 1;
    const next = random(5);
    const values = [
      0,
      -0,
      0.25,
      0.5,
      0.5,
      1,
      1e-40,
      3e-39,
      NaN,
      ...(keep.rule.kind === "mass" ? [3.75, 12, 1e-5] : [-1, Infinity, -Infinity]),
    ];
    const data = Float32Array.from({ length: heads * rows * N }, () => next.pick(values));
    for (const onTop of [false, true]) {
      const selection: Selection = {
        ...{ kind: "selection", name: "s", heads: "query", rows: { unit: 64 }, columns: { kind: "keys", unit: 1 }, keep },
        ...{ score: t.scores("given", 64, 1), force: { first: int(40), onTop } },
      };
      const module = moduleWith([selection], { floatInputs: [{ kind: "scores", name: "given", n: 64, m: 1 }], heads, kvHeads: heads });
      const zeros = new Float32Array(heads * N * 8);
      const call = { env: { N, NQ, heads, kvHeads: heads }, batch, headDim: 8, q: zeros.slice(0, heads * NQ * 8), k: zeros };
      check(module, [{ ...call, floats: { given: { batch, heads, data } } }], "f32", onTop);
    }
  });

  test("random selections", { timeout: 300_000 }, () => {
    for (const { module, calls } of fc.sample(selectionCase, { numRuns: 24, seed: 11 })) check(module, calls, "f32", false);
  });
});
