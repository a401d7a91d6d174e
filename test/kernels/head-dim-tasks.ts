import type { MaskModule } from "../../compiler/mask/ir.js";
import { legalSchedules } from "../../compiler/schedule/profiles.js";
import * as m from "../../compiler/mask/make.js";
import type { VerifyCase } from "../../runtime/verify/cases.js";
import { moduleOf } from "../mask/arbitrary.js";
import type { KernelTask } from "./check-kernels.js";

/** Head dims that models have, and pairs whose value dim is another. */
export const HEAD_DIMS = [[32], [64], [80], [96], [128], [256], [64, 96], [96, 20], [192, 128]] as const;

const distance = m.sub(m.q, m.k);

/** A causal window and a few of the first keys, in every head dim, on the kernels in turn: tiles full, partial and skipped. */
export function headDimTasks(variants: readonly string[]): readonly KernelTask[] {
  return HEAD_DIMS.map(([headDim, valueDim = headDim], i) => headDimTask(headDim, valueDim, variants[i % variants.length]!));
}

/** The same mask on every schedule without optional features that some profile offers for head dims 32 and 64. */
export function scheduleTasks(): readonly KernelTask[] {
  return ([32, 64] as const).flatMap((headDim) => {
    const problem = { headDim, valueDim: headDim, dtype: "f32" } as const;
    const schedules = (["gpu", "software", "simd"] as const).flatMap((profile) => legalSchedules(profile, problem, "none"));
    const plain = schedules.filter((s) => s.layout === "rows" || (s.exchange === "memory" && !s.matrices));
    return plain.map(({ name }) => headDimTask(headDim, headDim, name));
  });
}

/** The same mask where rows of threads exchange by shuffles: in subgroups of 4, those of 8 threads have to go through memory. */
export function shuffleTasks(): readonly KernelTask[] {
  return [headDimTask(32, 32, "f32-software-32x32-grid-4x4-subgroups"), headDimTask(32, 32, "f32-gpu-32x32-grid-8x8-subgroups")];
}

/** A causal window and a few of the first keys in one pair of head dims. */
export function headDimTask(headDim: number, valueDim: number, variant: string): KernelTask {
  const own = moduleOf(m.and(m.le(m.k, m.q), m.or(m.lt(distance, m.int(40)), m.lt(m.k, m.int(3)))));
  const dtype = variant.startsWith("f16") ? "f16" : "f32";
  const shape = { heads: 2, kvHeads: 1, headDim, valueDim, dtype } as const;
  const module: MaskModule = { ...own, shape, inputs: [], scalars: [], params: [], phases: [] };
  const base = { batch: 1, heads: 2, kvHeads: 1, launch: {}, params: {} };
  const cases: VerifyCase[] = [
    { ...base, name: "random", seed: 1, data: "normal", queries: 107, keys: 107 },
    { ...base, name: "fewer queries", seed: 2, data: "large logits", batch: 2, queries: 35, keys: 70 },
  ];
  return { module, variant, cases };
}

/** What came of tasks, for an assertion to show. */
export function wrongDims(tasks: readonly KernelTask[], answers: readonly (readonly string[])[]): readonly string[] {
  return tasks.flatMap(({ module: { shape }, variant }, i) =>
    answers[i]!.map((failure) => `${shape.headDim}x${shape.valueDim} ${variant}: ${failure}`),
  );
}
