import type { Dtype } from "../launch/module.js";
import { denseAttention, type DenseResult } from "../reference/dense.js";
import { storeRounding } from "../reference/formats.js";
import { plain32Attention, plainOrders } from "../reference/plain32.js";
import { allRows, visibleKeys, type AttentionProblem, type Row } from "../reference/problem.js";

/** The truth, and how far from it each element may be. */
export interface Expected extends DenseResult {
  readonly outTolerance: Float64Array;
  readonly lseTolerance: Float64Array;
}

/**
 * Dense attention in float64 with a tolerance for every element:
 *
 *     2 * (e + r) + w + s
 *
 * - e: the greatest error, over all elements of the case, of plain float32 computations of the very same
 *   thing that differ in the order of their sums ({@link plainOrders}): measured on these data, so it grows
 *   with long rows, large heads and large scores as float32's errors do.
 * - r: what single roundings do to this element, from first-order analysis ({@link denseAttention}); it stands
 *   for luck: a case of few elements may come out exact in the plain computations and yet not in another.
 * - 2: a kernel's own error may add to theirs in the other direction.
 * - w: what rounding each weight to a type of 16 bits may do, where the operator says that its kernel does
 *   ({@link denseAttention}): a bound, as it happens once.
 * - s: for outputs of 16 bits half a step of their type at that number.
 *
 * Nothing else in it depends on the kernel, and nothing is chosen to let one pass.
 */
export function expectedWithin(problem: AttentionProblem, dtype: Dtype, rows: readonly Row[] = allRows(problem)): Expected {
  // Asked of the mask once for all computations.
  const seen = rows.map((row) => visibleKeys(problem, row));
  const dense = denseAttention(problem, rows, seen);
  let outError = 0;
  let lseError = 0;
  for (const order of plainOrders) {
    const plain = plain32Attention(problem, order, rows, seen);
    outError = Math.max(outError, greatestDifference(plain.out, dense.out));
    lseError = Math.max(lseError, greatestDifference(plain.lse, dense.lse));
  }
  return {
    ...dense,
    outTolerance: dense.outRounding.map(
      (rounding, i) => 2 * (outError + rounding) + dense.outNarrowing[i]! + storeRounding(dtype, dense.out[i]!),
    ),
    lseTolerance: dense.lseRounding.map((rounding) => 2 * (lseError + rounding)),
  };
}

/** Over the elements that are finite on both sides: empty rows have an lse of -Infinity. */
function greatestDifference(a: Float32Array, b: Float64Array): number {
  let most = 0;
  for (let i = 0; i < b.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (difference > most && difference < Infinity) most = difference;
  }
  return most;
}
