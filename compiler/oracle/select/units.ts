import { OracleError } from "../program.js";
import type { Place } from "../scope.js";
import { quotient, type Point } from "../values.js";
import { positionsIn, type Axis, type Unit } from "./tensor.js";

/** The positions of a call. */
export interface Positions {
  /** Of the first query. */
  readonly first: number;
  readonly queries: number;
  readonly keys: number;
  readonly causal: boolean;
  /** The position at each place, of queries and of keys, where a layout has another order. */
  readonly order: { readonly q?: readonly number[] | undefined; readonly k?: readonly number[] | undefined };
}

/** The positions of a call for a batch entry and head. */
export function positionsOf({ space, launch: { N, NQ }, orders }: Place, at: Pick<Point, "b" | "h" | "kvh">): Positions {
  if (space === undefined) throw new OracleError("there is no space here");
  const order = { q: orders?.q?.(at), k: orders?.k?.(at) };
  return { first: space.kind === "cross" ? 0 : N - NQ, queries: NQ, keys: N, causal: space.causal, order };
}

/** Blocks of n that hold some of the positions from `start` to `end`: they start at multiples of n, and end pieces are short. */
function blocks(start: number, end: number, n: number): Axis {
  const units: Unit[] = [];
  for (let at = quotient(start, n) * n; at < end; at += n) units.push({ start: Math.max(at, start), end: Math.min(at + n, end) });
  return units;
}

/** Runs of n places from place 0 on, with those of their tokens that are at `first` or behind it; some may have none. */
function tiles(order: readonly number[], first: number, n: number): Axis {
  const units: Unit[] = [];
  for (let at = 0; at < order.length; at += n) {
    const positions = order
      .slice(at, at + n)
      .filter((position) => position >= first)
      .sort((a, b) => a - b);
    const lastPlace = Math.min(at + n, order.length) - 1;
    units.push({ start: positions[0] ?? 0, end: (positions.at(-1) ?? -1) + 1, tile: { positions, lastPlace } });
  }
  return units;
}

/** Blocks of n queries or keys; as tiles, runs of places where there is a layout. */
export const queryUnits = ({ first, queries, order }: Positions, n: number, tile = false): Axis =>
  tile && order.q !== undefined ? tiles(order.q, first, n) : blocks(first, first + queries, n);
export const keyUnits = ({ keys, order }: Positions, n: number, tile = false): Axis =>
  tile && order.k !== undefined ? tiles(order.k, 0, n) : blocks(0, keys, n);
/** Whether a unit holds nothing: a tile without a query of the call, a cluster without a token. */
export const isEmpty = ({ tile }: Unit): boolean => tile?.positions.length === 0;
/** Distances q - k from 0 on, as many as there are keys. */
export const distanceUnits = ({ keys }: Positions, n: number): Axis => blocks(0, keys, n);

/** The last queries of a call, one by one. */
export function lastQueries({ first, queries }: Positions, count: number): Axis {
  const end = first + queries;
  return blocks(Math.max(first, end - count), end, 1);
}

export function lastKeys({ keys }: Positions, count: number): Axis {
  return blocks(Math.max(0, keys - count), keys, 1);
}

/** Windows of n keys that fit whole, one every `stride` keys. */
export function windows({ keys }: Positions, n: number, stride: number): Axis {
  const units: Unit[] = [];
  for (let start = 0; start + n <= keys; start += stride) units.push({ start, end: start + n });
  return units;
}

/** The elements of a vector. */
export const elements = (count: number): Axis => blocks(0, count, 1);

/**
 * Whether some query of a row may look at some key of a column, as far as causality goes; all queries of the call
 * where there is no row. The same holds for a column of distances: the row's last query has a key that far away.
 */
export function isCandidate({ causal, first, queries }: Positions, row: Unit | undefined, column: Unit): boolean {
  if ((row !== undefined && isEmpty(row)) || isEmpty(column)) return false;
  const end = row === undefined ? first + queries : row.end;
  return !causal || column.start < end;
}

/** The units of an axis that lie in a larger one. */
export function inside(axis: Axis, unit: Unit): readonly number[] {
  const found: number[] = [];
  const members = unit.tile && new Set(unit.tile.positions);
  axis.forEach((each, i) => {
    const lies = members === undefined ? each.start >= unit.start && each.end <= unit.end : positionsIn(each).every((p) => members.has(p));
    if (lies && !isEmpty(each)) found.push(i);
  });
  return found;
}
