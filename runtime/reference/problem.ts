import type { Dtype } from "../launch/module.js";

/** Whether batch entry `b`, query head `h` lets the query at position `q` look at the key at position `k`. */
export type MaskPredicate = (b: number, h: number, q: number, k: number) => boolean;

/** One attention to compute, on plain arrays. */
export interface AttentionProblem {
  readonly batch: number;
  readonly heads: number;
  /** Divides `heads`: the query heads `g * heads / kvHeads` and on share kv head `g`. */
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly queries: number;
  readonly keys: number;
  /** The position of query 0: `keys - queries` in a self space, 0 in a cross space. */
  readonly firstPosition: number;
  /** What dot products are multiplied with; 1 / sqrt(headDim) where it is not given. */
  readonly scale?: number | undefined;
  /** `[batch, heads, queries, headDim]`, row-major; the arrays may be longer than that. */
  readonly q: Float32Array;
  /** `[batch, kvHeads, keys, headDim]` */
  readonly k: Float32Array;
  /** `[batch, kvHeads, keys, valueDim]` */
  readonly v: Float32Array;
  readonly mask: MaskPredicate;
  /** The type to which weights are rounded before they meet the values, as tensor cores want them; f32 where it is not given. */
  readonly weights?: Dtype | undefined;
}

/** One row of the output. */
export interface Row {
  readonly batch: number;
  readonly head: number;
  /** From 0 to `queries - 1`. */
  readonly query: number;
}

export function scaleOf(problem: AttentionProblem): number {
  return problem.scale ?? 1 / Math.sqrt(problem.headDim);
}

/** Every row, in the order of the output. */
export function allRows(problem: Pick<AttentionProblem, "batch" | "heads" | "queries">): readonly Row[] {
  const rows: Row[] = [];
  for (let batch = 0; batch < problem.batch; batch++) {
    for (let head = 0; head < problem.heads; head++) {
      for (let query = 0; query < problem.queries; query++) rows.push({ batch, head, query });
    }
  }
  return rows;
}

/** The place of a row in `[batch, heads, queries]`. */
export function rowIndex(problem: Pick<AttentionProblem, "heads" | "queries">, row: Row): number {
  return (row.batch * problem.heads + row.head) * problem.queries + row.query;
}

export function kvHeadOf(problem: Pick<AttentionProblem, "heads" | "kvHeads">, head: number): number {
  return Math.floor(head / (problem.heads / problem.kvHeads));
}

/** The keys that a row sees, in rising order. */
export function visibleKeys(problem: AttentionProblem, row: Row): readonly number[] {
  const { keys, mask, firstPosition } = problem;
  const seen: number[] = [];
  for (let k = 0; k < keys; k++) if (mask(row.batch, row.head, firstPosition + row.query, k)) seen.push(k);
  return seen;
}
