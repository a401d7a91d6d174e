import type { ResolvedCall } from "../call.js";
import type { Dtype } from "../module.js";

/** How far two right kernels may lie apart where one of them gives `x`. */
export interface Rounding {
  readonly out: (x: number) => number;
  readonly lse: (x: number) => number;
}

/** Half the distance from 1 to the next float32; a unit in the last place of x is at most 2 u |x|. */
const UNIT = 2 ** -24;

/** What k roundings in a row do at most, relative to the sum of magnitudes (Higham, Accuracy and Stability, lemma 3.1). */
const gamma = (k: number): number => (k * UNIT) / Math.max(1 - k * UNIT, UNIT);

/**
 * A division is right to 2.5 units in the last place in WGSL; a kernel may multiply by the inverse
 * instead, which adds half a unit, and divide once more where it merges parts.
 */
const DIVISION = 6 * 2 * UNIT;

/** log2 of a number up to 2^most is right to 2^-21 near 1 and to 3 units elsewhere (WGSL). */
const logError = (most: number): number => Math.max(2 ** -21, 3 * 2 * UNIT * most);

/** exp2(x) is right to 3 + 2 |x| units in the last place (WGSL). */
const expError = (x: number): number => (3 + 2 * x) * 2 * UNIT;

/** Keys that a part of a row has at least, where a kernel computes long rows in parts. */
const LEAST_PART = 64;

/**
 * A kernel may compute a row in parts of the keys and merge their outputs, weighted with
 * exp2(s - greatest s) of their logarithms s = m + log2(l), `largest` at most in magnitude: what that does
 * to a weight, relatively. The logarithm, the sum and the difference round, then exp2, then the sums over the parts.
 */
function mergingError(n: number, largest: number): number {
  const logarithm = logError(Math.log2(n)) + 2 * UNIT * largest;
  return Math.LN2 * (logarithm + UNIT * largest) + expError(largest) + gamma(2 * Math.ceil(n / LEAST_PART));
}

/** What a relative error of all weights does to their sum over the sum of the weights. */
const quotientError = (e: number): number => (e < 1 ? (2 * e) / (1 - e) : Infinity);

/** The logarithm of the sum itself, in base e: log2 of a part and of the parts, two products and two sums. */
const lseError = (n: number, x: number): number => Math.LN2 * 2 * logError(Math.log2(n)) + 8 * UNIT * Math.abs(x);

/** Storing as f16 takes one of the two nearest numbers, so it moves by less than a step. */
const stored = (dtype: Dtype, x: number): number => (dtype === "f16" ? 2 ** -10 * Math.abs(x) + 2 ** -24 : 0);

/**
 * Rounding where all scores are 0 and the values are integers up to `value` whose sums float32 holds:
 * exp2(0) is 1, and every sum is exact in every order. Only the division, the logarithm, the merging of
 * parts and the storing round. A kernel that leaves out or adds one key of a row is outside of it.
 */
export function countingRounding(dtype: Dtype, { n }: Pick<ResolvedCall, "n">, value: number): Rounding {
  const merging = mergingError(n, Math.log2(n));
  return {
    out: (x) => 2 * (quotientError(merging) * (n >= 2 * LEAST_PART ? value : 0) + DIVISION * Math.abs(x) + stored(dtype, x)),
    lse: (x) => 2 * (lseError(n, x) + merging),
  };
}

/**
 * Rounding where queries are at most `query`, keys and values at most 1 in magnitude: a bound from the
 * worst case, over all orders of the sums. With D the head dim, N the keys, u = 2^-24,
 * g(k) = k u / (1 - k u), A = |scale| D query the greatest score, X = 2 A log2(e) the greatest
 * difference of two scores in base 2:
 *
 * - a score is wrong by g(D + 3) A: D products and sums, the scale and log2(e);
 * - a weight exp2(s - m) is wrong, relatively, by that, by ln2 u X for the difference and by
 *   (3 + 2 X) 2u for exp2;
 * - a kernel may correct its sums with exp2(m - m') at each of N keys: ln2 u X + (3 N + 2 X) 2u + N u
 *   together, as the differences add up to at most X;
 * - a sum of N terms is wrong by g(2 N) of its magnitudes;
 * - parts may be merged.
 *
 * The running maximum itself cancels. With e the sum of these, the quotient is wrong by 2 e / (1 - e)
 * at most, the values being at most 1, and the logarithm by e and the score's error.
 */
export function worstRounding(dtype: Dtype, call: Pick<ResolvedCall, "headDim" | "n" | "scale">, query: number): Rounding {
  const { headDim: d, n, scale } = call;
  const greatest = Math.abs(scale) * d * query;
  const spread = 2 * greatest * Math.LOG2E;
  const score = gamma(d + 3) * greatest;
  const weight = score + Math.LN2 * UNIT * spread + expError(spread);
  const corrections = Math.LN2 * UNIT * spread + n * expError(0) + 4 * UNIT * spread + n * UNIT;
  const e = weight + corrections + gamma(2 * n) + mergingError(n, spread + Math.log2(n));
  return {
    out: (x) => 2 * (quotientError(e) + DIVISION * Math.abs(x) + stored(dtype, x)),
    lse: (x) => 2 * (score + e + lseError(n, x)),
  };
}
