import { OracleError } from "./program.js";
import { quotient, type Point } from "./values.js";

/**
 * What a caller passes, as plain arrays. Leading axes: batch entries (or 1 for all), and but for ids heads:
 * the query heads, the kv heads or 1.
 */
export type OracleInput =
  /** `[batch][token]` */
  | { readonly kind: "ids"; readonly shape: readonly [number, number]; readonly data: ArrayLike<number> }
  /** `[batch][head][place]`: the position of the token at each place; heads are the kv heads or 1. */
  | { readonly kind: "order"; readonly shape: readonly [number, number, number]; readonly data: ArrayLike<number> }
  /** `[batch][head][row][column]`, 0 or 1: `bits`, and `blocks` with a row and a column per block. */
  | { readonly kind: "bits"; readonly shape: readonly [number, number, number, number]; readonly data: ArrayLike<number> }
  /** `[batch][head][place]`: `columns` and `diagonals`, padded with -2147483648. */
  | { readonly kind: "list"; readonly shape: readonly [number, number, number]; readonly data: ArrayLike<number> }
  /** `[batch][head][block of queries]`, each the key blocks it sees. */
  | { readonly kind: "csr"; readonly lists: readonly (readonly (readonly ArrayLike<number>[])[])[] }
  /** `[batch][head]…`: what selections read. */
  | { readonly kind: "floats"; readonly shape: readonly number[]; readonly data: ArrayLike<number> };

export interface HeadCounts {
  readonly heads: number;
  readonly kvHeads: number;
}

function own(point: Pick<Point, "b" | "h" | "kvh">, batch: number, heads: number, counts: HeadCounts): { b: number; h: number } {
  const h = heads === 1 ? 0 : heads === counts.kvHeads ? point.kvh : heads === counts.heads ? point.h : undefined;
  if (h === undefined) throw new OracleError(`an input has ${heads} heads`);
  return { b: batch === 1 ? 0 : point.b, h };
}

/** The positions in the order of their places, of the point's batch entry and head. */
export function orderAt(input: OracleInput, counts: HeadCounts, point: Pick<Point, "b" | "h" | "kvh">): readonly number[] {
  if (input.kind !== "order") throw new OracleError("an order was expected");
  const [batch, heads, length] = input.shape;
  const { b, h } = own(point, batch, heads, counts);
  return Array.from({ length }, (_, place) => input.data[(b * heads + h) * length + place]!);
}

/** The id of a token; a place outside counts as the nearest end. */
export function idAt(input: OracleInput, point: Point, token: number): number {
  if (input.kind !== "ids") throw new OracleError("ids were expected");
  const [batch, length] = input.shape;
  const place = Math.max(0, Math.min(length - 1, token));
  return input.data[(batch === 1 ? 0 : point.b) * length + place]!;
}

/** One bit; false outside. */
export function bitAt(input: OracleInput, counts: HeadCounts, point: Point, row: number, column: number): boolean {
  if (input.kind !== "bits") throw new OracleError("bits were expected");
  const [batch, heads, rows, columns] = input.shape;
  if (row < 0 || row >= rows || column < 0 || column >= columns) return false;
  const { b, h } = own(point, batch, heads, counts);
  return input.data[((b * heads + h) * rows + row) * columns + column] === 1;
}

/** Whether the head's list holds `value`. */
export function listHas(input: OracleInput, counts: HeadCounts, point: Point, value: number): boolean {
  if (input.kind !== "list") throw new OracleError("a list was expected");
  const [batch, heads, length] = input.shape;
  const { b, h } = own(point, batch, heads, counts);
  const start = (b * heads + h) * length;
  for (let i = start; i < start + length; i++) if (input.data[i] === value) return true;
  return false;
}

/** Whether the list of the query's block of `n` holds the key's block of `m`. */
export function csrHas(input: OracleInput, counts: HeadCounts, point: Point, n: number, m: number): boolean {
  if (input.kind !== "csr") throw new OracleError("block lists were expected");
  const { b, h } = own(point, input.lists.length, input.lists[0]!.length, counts);
  const list = input.lists[b]![h]![quotient(point.q, n)];
  if (list === undefined) return false;
  const block = quotient(point.k, m);
  for (let i = 0; i < list.length; i++) if (list[i] === block) return true;
  return false;
}
