import { denseAttention } from "../../runtime/reference/dense.js";
import { rowIndex, type MaskPredicate } from "../../runtime/reference/problem.js";
import { random } from "../../runtime/verify/random.js";
import { sampleRows } from "../../runtime/verify/rows.js";
import { queriesOf, tensorsOf, type Workload } from "./data.js";

export interface OutputError {
  /** Greatest distance of an element from float64. */
  readonly maxAbs: number;
  /** L2 norm of the distance over that of the truth. */
  readonly relL2: number;
  readonly rows: number;
}

/** Rows of the float64 reference at most: it takes about a millisecond for each at length 4096. */
const ROWS = 256;

/** The distance of `out`, `[heads, length, headDim]`, from dense attention in float64 under the mask, on a sample of rows. */
export function outputError(workload: Workload, mask: MaskPredicate, out: Float32Array): OutputError {
  const { heads, headDim, length } = workload;
  const queries = queriesOf(workload);
  const problem = {
    ...tensorsOf(workload),
    ...{ batch: 1, heads, kvHeads: heads, headDim, valueDim: headDim, queries, keys: length, firstPosition: length - queries, mask },
  };
  const rows = sampleRows(problem, ROWS, random(1));
  const truth = denseAttention(problem, rows).out;
  let [maxAbs, distance, size] = [0, 0, 0];
  rows.forEach((row, index) => {
    const at = rowIndex(problem, row) * headDim;
    for (let d = 0; d < headDim; d++) {
      const expected = truth[index * headDim + d]!;
      const wrong = Math.abs(out[at + d]! - expected);
      // A NaN is as wrong as can be, and no comparison with it holds.
      maxAbs = wrong <= maxAbs ? maxAbs : Number.isNaN(wrong) ? Infinity : wrong;
      distance += wrong ** 2;
      size += expected ** 2;
    }
  });
  return { maxAbs, relL2: Math.sqrt(distance / size), rows: rows.length };
}
