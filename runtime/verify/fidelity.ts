import { kvHeadOf, rowIndex, scaleOf, type AttentionProblem, type MaskPredicate, type Row } from "../reference/problem.js";

/** How near the attention of one head under a mask is to full attention, over the rows that were measured. */
export interface HeadFidelity {
  readonly head: number;
  readonly rows: number;
  /** Pairs that the mask keeps, of those of full attention. */
  readonly density: number;
  /** The part of full attention's weights that stands on kept keys: mean of the rows, and the least. */
  readonly mass: { readonly mean: number; readonly worst: RowValue };
  /** Length of the difference of the outputs over that of full attention's: of the whole head, and of the worst row. */
  readonly error: { readonly relL2: number; readonly worst: RowValue };
  /** Rows that keep no key. */
  readonly empty: number;
}

export interface RowValue {
  readonly value: number;
  readonly batch: number;
  readonly query: number;
}

/** What one row of full attention is under the mask. */
interface RowFidelity {
  readonly kept: number;
  readonly full: number;
  readonly mass: number;
  /** Squared lengths. */
  readonly difference: number;
  readonly length: number;
}

/** What a method gives for a row, [valueDim]. */
export type RowOutput = (row: Row) => ArrayLike<number>;

/**
 * Full attention and attention under `problem.mask`, both in float64, compared for one head.
 * @param full the pairs of full attention; of those of the mask only these count.
 * @param rows rows of that head.
 * @param output what the method gives, where that is not attention under the mask alone.
 */
export function headFidelity(
  problem: AttentionProblem,
  full: MaskPredicate,
  head: number,
  rows: readonly Row[],
  output?: RowOutput,
): HeadFidelity {
  const each = rows.map((row) => ({ row, found: rowFidelity(problem, full, row, output) }));
  const sum = (of: (found: RowFidelity) => number): number => each.reduce((total, { found }) => total + of(found), 0);
  const pick = (of: (found: RowFidelity) => number, worse: (a: number, b: number) => boolean): RowValue => {
    const [first, ...rest] = each.map(({ row, found }) => ({ value: of(found), batch: row.batch, query: row.query }));
    return rest.reduce((worst, one) => (worse(one.value, worst.value) ? one : worst), first!);
  };
  return {
    head,
    rows: rows.length,
    density: sum(({ kept }) => kept) / sum((found) => found.full),
    mass: {
      mean: sum(({ mass }) => mass) / rows.length,
      worst: pick(
        ({ mass }) => mass,
        (a, b) => a < b,
      ),
    },
    error: {
      relL2: relative(
        sum(({ difference }) => difference),
        sum(({ length }) => length),
      ),
      worst: pick(
        ({ difference, length }) => relative(difference, length),
        (a, b) => a > b,
      ),
    },
    empty: each.filter(({ found }) => found.kept === 0).length,
  };
}

const relative = (difference: number, length: number): number => (difference === 0 ? 0 : Math.sqrt(difference / length));

function rowFidelity(problem: AttentionProblem, full: MaskPredicate, row: Row, output: RowOutput | undefined): RowFidelity {
  const { headDim, valueDim, kvHeads, keys, q, k, v, firstPosition, mask } = problem;
  const position = firstPosition + row.query;
  const seen: number[] = [];
  for (let key = 0; key < keys; key++) if (full(row.batch, row.head, position, key)) seen.push(key);
  const kept = seen.map((key) => mask(row.batch, row.head, position, key));
  const kvRow = (row.batch * kvHeads + kvHeadOf(problem, row.head)) * keys;
  const qAt = rowIndex(problem, row) * headDim;
  const scores = seen.map((key) => {
    const kAt = (kvRow + key) * headDim;
    let sum = 0;
    for (let d = 0; d < headDim; d++) sum += q[qAt + d]! * k[kAt + d]!;
    return sum * scaleOf(problem);
  });
  const whole = softmax(scores);
  // Where all that is kept is far below the rest, its own weights are still numbers.
  const sparse = softmax(scores.map((score, i) => (kept[i] ? score : -Infinity)));
  // All of it is 1, whatever the rounding of the sum.
  const mass = kept.every(Boolean) ? 1 : whole.reduce((sum, weight, i) => sum + (kept[i] ? weight : 0), 0);
  const given = output?.(row);
  let [difference, length] = [0, 0];
  for (let d = 0; d < valueDim; d++) {
    let [ofWhole, ofSparse] = [0, 0];
    seen.forEach((key, i) => {
      const value = v[(kvRow + key) * valueDim + d]!;
      ofWhole += whole[i]! * value;
      if (kept[i]) ofSparse += sparse[i]! * value;
    });
    difference += (ofWhole - (given?.[d] ?? ofSparse)) ** 2;
    length += ofWhole ** 2;
  }
  return { kept: kept.filter(Boolean).length, full: seen.length, mass, difference, length };
}

/** Weights of scores; 0 throughout where there is none. */
function softmax(scores: readonly number[]): readonly number[] {
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  if (most === -Infinity) return scores.map(() => 0);
  const weights = scores.map((score) => Math.exp(score - most));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Full attention of one head as tiles: the mean weight of a query on the keys of a tile, `[query tile][key tile]`. */
export function attentionTiles(
  problem: AttentionProblem,
  full: MaskPredicate,
  rows: readonly Row[],
  block: number,
): readonly (readonly number[])[] {
  const { headDim, kvHeads, keys, queries, q, k, firstPosition } = problem;
  const columns = Math.ceil(keys / block);
  const tiles = Array.from({ length: Math.ceil(queries / block) }, () => ({ rows: 0, weights: new Float64Array(columns) }));
  for (const row of rows) {
    const kvRow = (row.batch * kvHeads + kvHeadOf(problem, row.head)) * keys;
    const qAt = rowIndex(problem, row) * headDim;
    const scores = Array.from({ length: keys }, (_, key) => {
      if (!full(row.batch, row.head, firstPosition + row.query, key)) return -Infinity;
      let sum = 0;
      for (let d = 0; d < headDim; d++) sum += q[qAt + d]! * k[(kvRow + key) * headDim + d]!;
      return sum * scaleOf(problem);
    });
    const tile = tiles[Math.floor(row.query / block)]!;
    tile.rows++;
    softmax(scores).forEach((weight, key) => (tile.weights[Math.floor(key / block)]! += weight));
  }
  return tiles.map(({ rows: count, weights }) => Array.from(weights, (weight) => (count === 0 ? 0 : weight / count)));
}

/** At most `count` rows of a head, as far apart as they can be, the last one among them. */
export function spreadRows(sizes: { readonly batch: number; readonly queries: number }, head: number, count: number): readonly Row[] {
  const { batch, queries } = sizes;
  const each = Math.max(1, Math.min(queries, Math.floor(count / batch)));
  return Array.from({ length: batch }, (_, b) =>
    Array.from({ length: each }, (__, i) => ({ batch: b, head, query: Math.floor(((i + 1) * queries) / each) - 1 })),
  ).flat();
}
