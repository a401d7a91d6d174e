import type { Space } from "../mask/ir.js";
import { isOfClusters } from "../mask/clusters.js";
import type { ColumnAxis, RowAxis } from "../mask/selection.js";
import { add, ALWAYS, ceilDiv, div, int, le, max, min, mul, named, ONE, shape, sub, ZERO } from "./int.js";
import type { Cond, Int, RowRange, Stage } from "./ir.js";

/** Positions, inclusive at both ends. */
export interface Span {
  readonly first: Int;
  readonly last: Int;
}

/** The position of the first query of a call. */
export function firstQuery(space: Space): Int {
  return space.kind === "self" ? sub(shape("N"), shape("NQ")) : ZERO;
}

/** The position of the last query of a call. */
export function lastQuery(space: Space): Int {
  return sub(space.kind === "self" ? shape("N") : shape("NQ"), ONE);
}

/** Rows of the units of all queries: those that a part's strip has. */
export function stripRows(space: Space, unit: number): RowRange {
  const first = sub(div(add(firstQuery(space), shape("firstQuery")), int(unit)), div(firstQuery(space), int(unit)));
  const last = sub(div(add(firstQuery(space), sub(shape("endQuery"), ONE)), int(unit)), div(firstQuery(space), int(unit)));
  return { first, count: add(sub(last, first), ONE) };
}

/** The most rows that a strip has. */
export const stripRoom = (space: Space, unit: number): Int => min(div(shape("stripQueries"), int(unit)), rowCount(space, { unit }));

/** The rows that a stage computes. */
export const rowsOf = ({ to, rows }: Stage): RowRange => rows ?? { first: ZERO, count: to.rows ?? ONE };

/** How many query units a call has. */
export function rowCount(space: Space, axis: RowAxis | undefined): Int {
  if (axis === undefined) return ONE;
  if (axis.last !== undefined) return min(int(axis.last), shape("NQ"));
  if (axis.of === "keys") return shape("N");
  if (isOfClusters(axis)) return int(axis.unit);
  if (axis.of !== undefined) return ceilDiv(shape("N"), int(axis.unit));
  if (axis.unit === 1) return shape("NQ");
  const unit = int(axis.unit);
  return add(sub(div(lastQuery(space), unit), div(firstQuery(space), unit)), ONE);
}

/** The queries of a unit, those of the call only. Without the axis, all of them. */
export function rowSpan(space: Space, axis: RowAxis | undefined, row: Int): Span {
  if (axis === undefined) return { first: firstQuery(space), last: lastQuery(space) };
  if (axis.of !== undefined) throw new Error("places next to one another are no run of positions");
  if (axis.last !== undefined) {
    const position = add(sub(add(lastQuery(space), ONE), min(int(axis.last), shape("NQ"))), row);
    return { first: position, last: position };
  }
  if (axis.unit === 1) {
    const position = add(firstQuery(space), row);
    return { first: position, last: position };
  }
  const unit = int(axis.unit);
  const start = mul(add(row, div(firstQuery(space), unit)), unit);
  return { first: max(start, firstQuery(space)), last: min(add(start, int(axis.unit - 1)), lastQuery(space)) };
}

/** How many columns there are. */
export function columnCount(axis: ColumnAxis): Int {
  const unit = int(axis.unit);
  if (axis.kind === "centroids" || isOfClusters(axis)) return unit;
  if (axis.kind !== "keys" || (axis.stride === axis.unit && !axis.whole)) return ceilDiv(shape("N"), unit);
  return div(max(ZERO, add(sub(shape("N"), unit), int(axis.stride))), int(axis.stride));
}

/** The keys of a column, or its distances. */
export function columnSpan(axis: ColumnAxis, column: Int): Span {
  if (axis.kind === "keys" && axis.of !== undefined) throw new Error("places next to one another are no run of positions");
  const first = mul(column, int(axis.kind === "keys" ? axis.stride : axis.unit));
  if (axis.unit === 1) return { first, last: first };
  return { first, last: min(add(first, int(axis.unit - 1)), sub(shape("N"), ONE)) };
}

/** Whether a pair of a row and a column is a candidate. */
export function candidate(space: Space, rows: RowAxis | undefined, columns: ColumnAxis | undefined, row: Int, column: Int): Cond {
  if (!space.causal || rows === undefined || columns === undefined || columns.kind === "centroids") return ALWAYS;
  return le(columnSpan(columns, column).first, rowSpan(space, rows, row).last);
}

/** The number of columns from the first on that are candidates of a row: they are all of its candidates. */
export function candidateCount(space: Space, rows: RowAxis | undefined, columns: ColumnAxis, row: Int): Int {
  const count = columnCount(columns);
  if (!space.causal || rows === undefined) return count;
  const stride = int(columns.kind === "keys" ? columns.stride : columns.unit);
  return min(count, add(div(rowSpan(space, rows, row).last, stride), ONE));
}

/** How many query heads read a kv head. */
export const groupSize: Int = div(shape("heads"), shape("kvHeads"));

export const ROW = named("row");
export const COLUMN = named("column");
export const DIM = named("dim");
export const HEAD = named("head");
