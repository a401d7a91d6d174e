import { allRows, kvHeadOf, rowIndex, scaleOf, visibleKeys, type AttentionProblem, type Row } from "./problem.js";

const f = Math.fround;

/** How a plain kernel may go about its sums. */
export interface Plain32Order {
  /** Keys that are folded into the running maximum and sums at a time. */
  readonly tile: number;
  /** Partial sums of a dot product, added up at the end: 1 is plain, 4 is what vector units do. */
  readonly lanes: number;
  /** Whether the keys are walked from the last to the first. */
  readonly backwards: boolean;
}

/** Three ordinary ways; what differs between them is what rounding alone may change. */
export const plainOrders: readonly Plain32Order[] = [
  { tile: 32, lanes: 1, backwards: false },
  { tile: 64, lanes: 4, backwards: false },
  { tile: 16, lanes: 1, backwards: true },
];

export interface Plain32Result {
  readonly out: Float32Array;
  readonly lse: Float32Array;
}

/**
 * The same attention as a straightforward float32 kernel computes it, every operation rounded: the scale and
 * log2 e folded into q, tiles of keys, a running maximum and sum in base 2, one division at the end. Its
 * distance from float64 says what float32 costs on these very numbers; tolerances are made of it.
 *
 * @param visible the keys that each of the rows sees, where they are known.
 */
export function plain32Attention(
  problem: AttentionProblem,
  order: Plain32Order,
  rows: readonly Row[] = allRows(problem),
  visible: readonly (readonly number[])[] = rows.map((row) => visibleKeys(problem, row)),
): Plain32Result {
  const { headDim, valueDim, kvHeads, keys, q, k, v } = problem;
  const factor = f(f(scaleOf(problem)) * f(Math.LOG2E));
  const out = new Float32Array(rows.length * valueDim);
  const lse = new Float32Array(rows.length).fill(-Infinity);
  const query = new Float32Array(headDim);
  const sums = new Float32Array(valueDim);

  rows.forEach((row, index) => {
    const seen = order.backwards ? visible[index]!.toReversed() : visible[index]!;
    if (seen.length === 0) return;
    const kvRow = (row.batch * kvHeads + kvHeadOf(problem, row.head)) * keys;
    const qAt = rowIndex(problem, row) * headDim;
    for (let d = 0; d < headDim; d++) query[d] = q[qAt + d]! * factor;
    const dot = (key: number): number => {
      const kAt = (kvRow + key) * headDim;
      let total = 0;
      for (let lane = 0; lane < order.lanes; lane++) {
        let sum = 0;
        for (let d = lane; d < headDim; d += order.lanes) sum = f(sum + f(query[d]! * k[kAt + d]!));
        total = f(total + sum);
      }
      return total;
    };

    let most = -Infinity;
    let total = 0;
    sums.fill(0);
    for (let start = 0; start < seen.length; start += order.tile) {
      const tile = seen.slice(start, start + order.tile);
      const scores = tile.map(dot);
      const before = most;
      most = Math.max(most, ...scores);
      const shrink = f(2 ** f(before - most));
      total = f(total * shrink);
      for (let d = 0; d < valueDim; d++) sums[d] = sums[d]! * shrink;
      tile.forEach((key, j) => {
        const weight = f(2 ** f(scores[j]! - most));
        total = f(total + weight);
        const vAt = (kvRow + key) * valueDim;
        for (let d = 0; d < valueDim; d++) sums[d] = sums[d]! + f(weight * v[vAt + d]!);
      });
    }
    for (let d = 0; d < valueDim; d++) out[index * valueDim + d] = sums[d]! / total;
    lse[index] = f(most + f(Math.log2(total))) * f(Math.LN2);
  });
  return { out, lse };
}
