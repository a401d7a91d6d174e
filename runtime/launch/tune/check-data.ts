import type { ResolvedCall } from "../call.js";
import type { Dtype } from "../module.js";
import { countingRounding, worstRounding, type Rounding } from "./rounding.js";

/** Tensors on which all kernels of an operator must agree, and how closely. All numbers are such that f16 holds them. */
export interface CheckData {
  readonly q: Float32Array<ArrayBuffer>;
  readonly k: Float32Array<ArrayBuffer>;
  readonly v: Float32Array<ArrayBuffer>;
  readonly rounding: Rounding;
}

/** Integers from -steps to steps, divided by `divisor`: the same at each run. */
function noiseOf(length: number, seed: number, steps: number, divisor: number): Float32Array<ArrayBuffer> {
  let state = seed;
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    // Marsaglia's xorshift, with the triple 13, 17, 5.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = (((state >>> 0) % (2 * steps + 1)) - steps) / divisor;
  }
  return values;
}

const sizes = ({ batch, heads, kvHeads, n, nq, headDim, valueDim }: ResolvedCall) => ({
  q: batch * heads * nq * headDim,
  k: batch * kvHeads * n * headDim,
  v: batch * kvHeads * n * valueDim,
});

/**
 * Queries of 0, so that every key counts the same, and small integers as values: the output is an
 * exact sum over an exact count. It shows which keys a kernel takes for each row.
 */
export function countingData(dtype: Dtype, call: ResolvedCall): CheckData {
  const { q, k, v } = sizes(call);
  // All values of a row add up to less than 2^24.
  const most = Math.max(1, Math.min(128, Math.floor(2 ** 24 / call.n)));
  const rounding = countingRounding(dtype, call, most);
  return { q: new Float32Array(q), k: noiseOf(k, 1, 128, 128), v: noiseOf(v, 2, most, 1), rounding };
}

/** Spread of the logits of {@link peakedData}: a few keys take most of the weight. */
const LOGITS = 4;

/**
 * Random tensors whose logits spread so far that a few keys of a row outweigh the others: wrong scores
 * or a wrong running maximum change the output by as much as the output is.
 */
export function peakedData(dtype: Dtype, call: ResolvedCall): CheckData {
  const { q, k, v } = sizes(call);
  // Uniform factors up to `query` and 1 have the variance query^2 / 3 and 1 / 3; D products add up.
  const wanted = (3 * LOGITS) / (Math.abs(call.scale) * Math.sqrt(call.headDim));
  const query = 2 ** Math.max(-8, Math.min(8, Math.round(Math.log2(wanted))));
  return {
    q: noiseOf(q, 3, 128, 128 / query),
    k: noiseOf(k, 4, 128, 128),
    v: noiseOf(v, 5, 128, 128),
    rounding: worstRounding(dtype, call, query),
  };
}
