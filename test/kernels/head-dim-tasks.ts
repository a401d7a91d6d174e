import type { MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import type { VerifyCase } from "../../runtime/verify/cases.js";
import { moduleOf } from "../mask/arbitrary.js";
import type { KernelTask } from "./check-kernels.js";

/** Head dims that models have, and pairs whose value dim is another. */
export const HEAD_DIMS = [[32], [64], [80], [96], [128], [256], [64, 96], [96, 20], [192, 128]] as const;

const distance = m.sub(m.q, m.k);

/** A causal window and a few of the first keys, in every head dim, on the kernels in turn: tiles full, partial and skipped. */
export function headDimTasks(variants: readonly string[]): readonly KernelTask[] {
  const own = moduleOf(m.and(m.le(m.k, m.q), m.or(m.lt(distance, m.int(40)), m.lt(m.k, m.int(3)))));
  return HEAD_DIMS.map(([headDim, valueDim = headDim], i): KernelTask => {
    const variant = variants[i % variants.length]!;
    const dtype = variant.startsWith("f16") ? "f16" : "f32";
    const shape = { heads: 2, kvHeads: 1, headDim, valueDim, dtype } as const;
    const module: MaskModule = { ...own, shape, inputs: [], scalars: [], params: [], phases: [] };
    const base = { batch: 1, heads: 2, kvHeads: 1, launch: {}, params: {} };
    const cases: VerifyCase[] = [
      { ...base, name: "random", seed: 1, data: "normal", queries: 107, keys: 107 },
      { ...base, name: "fewer queries", seed: 2, data: "large logits", batch: 2, queries: 35, keys: 70 },
    ];
    return { module, variant, cases };
  });
}

/** What came of tasks, for an assertion to show. */
export function wrongDims(tasks: readonly KernelTask[], answers: readonly (readonly string[])[]): readonly string[] {
  return tasks.flatMap(({ module: { shape }, variant }, i) =>
    answers[i]!.map((failure) => `${shape.headDim}x${shape.valueDim} ${variant}: ${failure}`),
  );
}
