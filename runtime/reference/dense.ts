import { roundingOf } from "./formats.js";
import { allRows, kvHeadOf, rowIndex, scaleOf, visibleKeys, type AttentionProblem, type Row } from "./problem.js";

/** The truth about some rows, in float64. Arrays follow the order of `rows`. */
export interface DenseResult {
  readonly rows: readonly Row[];
  /** `[row, valueDim]` */
  readonly out: Float64Array;
  /** Natural logarithm of the sum of exponentials; -Infinity for a row without keys. */
  readonly lse: Float64Array;
  /** What rounding to float32 may do to each element: see {@link denseAttention}. */
  readonly outRounding: Float64Array;
  /** What rounding the weights to `problem.weights` may do to each element. */
  readonly outNarrowing: Float64Array;
  readonly lseRounding: Float64Array;
}

/** Half the distance from 1 to the next float32. */
const unit = 2 ** -24;

/**
 * Dense attention under a mask in float64, by two passes over the keys that a row sees and over no others:
 * `out = sum_j exp(s_j - m) v_j / sum_j exp(s_j - m)` and `lse = m + log(sum_j exp(s_j - m))` with
 * `s_j = scale * q . k_j` and m the greatest s_j. A row without keys has out 0 and lse -Infinity.
 *
 * Beside each element stands a first-order bound on what single roundings in float32 do to it, with
 * u = 2^-24, p_j the weights, x_j = (s_j - m) / ln 2 and a_j = scale * sum_d |q_d k_jd|:
 * - a score that is wrong by one rounding of its terms, u a_j, moves the output by 2 u max(a) sum_j p_j |v_j|
 *   and the lse by u max(a);
 * - exp2 may be wrong by 3 + 2 |x| units in the last place, 2u each (the accuracy that WGSL asks of it),
 *   which moves the output by sum_j p_j |v_j| (3 + 2 |x_j|) 2u and the lse by sum_j p_j (3 + 2 |x_j|) 2u;
 * - the result is rounded once: u |out|, u |lse|.
 *
 * Weights that are rounded to a type of 16 bits before they meet the values, and not in their sum, are each wrong by
 * at most half a step of it: w p_j, or of its least numbers, e / sum_j exp(s_j - m). This moves the output by at
 * most sum_j |v_j| times the greater of the two.
 *
 * @param rows the rows to compute; all of them where they are not given.
 * @param visible the keys that each of them sees, where they are known.
 */
export function denseAttention(
  problem: AttentionProblem,
  rows: readonly Row[] = allRows(problem),
  visible: readonly (readonly number[])[] = rows.map((row) => visibleKeys(problem, row)),
): DenseResult {
  const { headDim, valueDim, kvHeads, keys, q, k, v } = problem;
  const scale = scaleOf(problem);
  const { relative, absolute } = roundingOf(problem.weights ?? "f32");
  const out = new Float64Array(rows.length * valueDim);
  const lse = new Float64Array(rows.length).fill(-Infinity);
  const outRounding = new Float64Array(out.length);
  const outNarrowing = new Float64Array(out.length);
  const lseRounding = new Float64Array(rows.length);

  rows.forEach((row, index) => {
    const seen = visible[index]!;
    if (seen.length === 0) return;
    const kvRow = (row.batch * kvHeads + kvHeadOf(problem, row.head)) * keys;
    const qAt = rowIndex(problem, row) * headDim;
    const scores = new Float64Array(seen.length);
    let most = -Infinity;
    let terms = 0;
    seen.forEach((key, j) => {
      const kAt = (kvRow + key) * headDim;
      let sum = 0;
      let absolute = 0;
      for (let d = 0; d < headDim; d++) {
        const product = q[qAt + d]! * k[kAt + d]!;
        sum += product;
        absolute += Math.abs(product);
      }
      scores[j] = sum * scale;
      most = Math.max(most, scores[j]!);
      terms = Math.max(terms, absolute * Math.abs(scale));
    });

    let total = 0;
    for (const score of scores) total += Math.exp(score - most);
    let exponential = 0;
    const outAt = index * valueDim;
    seen.forEach((key, j) => {
      const weight = Math.exp(scores[j]! - most) / total;
      const wrong = (3 + (2 * (most - scores[j]!)) / Math.LN2) * 2 * unit;
      const vAt = (kvRow + key) * valueDim;
      exponential += weight * wrong;
      const narrowed = Math.max(relative * weight, absolute / total);
      for (let d = 0; d < valueDim; d++) {
        const part = weight * v[vAt + d]!;
        out[outAt + d]! += part;
        outRounding[outAt + d]! += Math.abs(part) * (wrong + 2 * unit * terms);
        outNarrowing[outAt + d]! += narrowed * Math.abs(v[vAt + d]!);
      }
    });
    for (let d = 0; d < valueDim; d++) outRounding[outAt + d]! += unit * Math.abs(out[outAt + d]!);
    lse[index] = most + Math.log(total);
    lseRounding[index] = unit * (Math.abs(lse[index]!) + terms) + exponential;
  });
  return { rows, out, lse, outRounding, outNarrowing, lseRounding };
}
