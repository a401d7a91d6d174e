import { headEvaluator, kvHeadOf, type MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";

/** Numbers of one launch, with flat tensors `[batch, heads, length, dim]`. */
export interface Launch {
  readonly batch: number;
  readonly env: MaskEnv;
  readonly headDim: number;
  readonly valueDim: number;
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
}

/** Dense attention under the mask's own evaluation, pair by pair, in float64. */
export function dense(mask: MaskModule, { batch, env, headDim, valueDim, q, k, v }: Launch): { out: Float64Array; lse: Float64Array } {
  const { N, NQ, heads, kvHeads } = env;
  const out = new Float64Array(batch * heads * NQ * valueDim);
  const lse = new Float64Array(batch * heads * NQ).fill(-Infinity);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const sees = headEvaluator(mask, env, b, h);
      const keyRow = (b * kvHeads + kvHeadOf(h, heads, kvHeads)) * N;
      for (let i = 0; i < NQ; i++) {
        const row = (b * heads + h) * NQ + i;
        const keys = Array.from({ length: N }, (_, key) => key).filter((key) => sees(N - NQ + i, key));
        if (keys.length === 0) continue;
        const scores = keys.map((key) => {
          let dot = 0;
          for (let d = 0; d < headDim; d++) dot += q[row * headDim + d]! * k[(keyRow + key) * headDim + d]!;
          return dot / Math.sqrt(headDim);
        });
        const most = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - most));
        const sum = weights.reduce((a, b) => a + b, 0);
        lse[row] = most + Math.log(sum);
        for (let d = 0; d < valueDim; d++) {
          out[row * valueDim + d] = keys.reduce((acc, key, j) => acc + weights[j]! * v[(keyRow + key) * valueDim + d]!, 0) / sum;
        }
      }
    }
  }
  return { out, lse };
}

/** Numbers in [-1, 1) that are the same in every run. */
export function noise(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

export function greatestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers beside ${b.length}`);
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) most = Math.max(most, Number.isNaN(a[i]! - b[i]!) ? Infinity : Math.abs(a[i]! - b[i]!));
  }
  return most;
}
