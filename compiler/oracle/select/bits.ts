import { quotient, type Point } from "../values.js";
import type { Assigned } from "./clusters.js";
import type { SelectText } from "./clauses.js";
import type { SelectedHead } from "./select.js";
import { keyUnits, queryUnits, type Positions } from "./units.js";

/**
 * Matrices of bits for each batch entry and head, as devices make and callers give them: rows of 32-bit words, bit
 * c % 32 of word c / 32 for column c.
 */
export interface OracleBits {
  readonly batch: number;
  /** The query heads, the kv heads or 1. */
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  readonly words: ArrayLike<number>;
}

/** Rows and columns of a selection's matrix, and which of its bits a pair and a unit belong to. */
export interface MatrixShape {
  readonly rows: number;
  readonly columns: number;
  readonly bitOf: (at: Point) => readonly [number, number];
  /** The bits that are on where a unit is kept. */
  readonly bitsOf: (row: number, column: number) => readonly (readonly [number, number])[];
}

/** The cluster of a query by its row in the call, or of a key, for axes that are counted in clusters. */
export type ClustersAt = Readonly<Partial<Record<"q" | "k", Assigned>>>;

/** How many units there are is the same for all heads, which tokens are in them may not be. */
export function matrixShape(
  text: SelectText,
  positionsAt: (at: Pick<Point, "b" | "h" | "kvh">) => Positions,
  clustersAt: ClustersAt,
): MatrixShape {
  const shape = shapeInPositions(text, positionsAt);
  const { clusters } = text.units;
  const { first } = positionsAt({ b: 0, h: 0, kvh: 0 });
  const { q, k } = clustersAt;
  if (q === undefined && k === undefined) return shape;
  return {
    rows: q === undefined ? shape.rows : clusters!.q!.count,
    columns: k === undefined ? shape.columns : clusters!.k!.count,
    bitOf: (at) => {
      const [row, column] = shape.bitOf(at);
      return [q === undefined ? row : q(at.b, at.h)[at.q - first]!, k === undefined ? column : k(at.b, at.h)[at.k]!];
    },
    bitsOf: (row, column) => [[row, column]],
  };
}

function shapeInPositions({ units, snap }: SelectText, positionsAt: (at: Pick<Point, "b" | "h" | "kvh">) => Positions): MatrixShape {
  const positions = positionsAt({ b: 0, h: 0, kvh: 0 });
  const { first } = positions;
  const isTiled = (axis: "q" | "k"): boolean => positions.order[axis] !== undefined && units.tiles?.includes(axis) === true;
  const placeOf = (at: Point, axis: "q" | "k"): number => placesOf(positionsAt(at).order[axis]!)[at[axis]]!;
  const size = snap ?? units.q ?? 1;
  // With snap a matrix has rows where the selection has; bits of distances have one.
  const rowStart = units.q === undefined ? 0 : quotient(first, size);
  const rows = units.q === undefined ? 1 : queryUnits(positions, size, isTiled("q")).length;
  const rowOf = (at: Point): number => {
    if (isTiled("q")) return quotient(placeOf(at, "q"), size);
    const { q } = at;
    return units.q === undefined ? 0 : quotient(q, size) - rowStart;
  };
  const distances = units.diag !== undefined;
  const unit = units.diag ?? units.k!;
  const width = snap ?? unit;
  const columns = keyUnits(positions, width).length;
  const columnOf = (at: Point): number => {
    const { q, k } = at;
    if (!distances) return quotient(isTiled("k") ? placeOf(at, "k") : k, width);
    return snap === undefined ? quotient(q - k, width) : quotient(q, snap) - quotient(k, snap);
  };
  const within = (low: number, high: number, count: number): readonly number[] => {
    const all: number[] = [];
    for (let i = Math.max(0, low); i <= Math.min(high, count - 1); i++) all.push(i);
    return all;
  };
  const bitsOf = (row: number, column: number): readonly (readonly [number, number])[] => {
    if (snap === undefined) return [[row, column]];
    const [low, high] = [column * unit, (column + 1) * unit - 1];
    // A tile at a distance of D tiles holds distances that are less than a tile away from D tiles.
    const touched = within(quotient(low, snap), distances ? -quotient(-high, snap) : quotient(high, snap), columns);
    if (units.q === undefined) return touched.map((j) => [0, j]);
    const start = (quotient(first, units.q) + row) * units.q;
    const crossed = within(quotient(start, snap) - rowStart, quotient(start + units.q - 1, snap) - rowStart, rows);
    return crossed.flatMap((i) => touched.map((j) => [i, j] as const));
  };
  return { rows, columns, bitOf: (at) => [rowOf(at), columnOf(at)], bitsOf };
}

const inverses = new WeakMap<readonly number[], readonly number[]>();

/** The place of each position, made once for an order. */
function placesOf(order: readonly number[]): readonly number[] {
  let places = inverses.get(order);
  if (places === undefined) inverses.set(order, (places = Array.from(order.keys()).sort((a, b) => order[a]! - order[b]!)));
  return places;
}

/** What is kept, as the bits of one head: `[row][column]`. */
export function keptBits(head: SelectedHead, shape: MatrixShape): Uint8Array {
  const bits = new Uint8Array(shape.rows * shape.columns);
  for (let row = 0; row < head.rows; row++) {
    for (let column = 0; column < head.columns; column++) {
      if (head.kept[row * head.columns + column] === 0) continue;
      for (const [i, j] of (head.bitsOf ?? shape.bitsOf)(row, column)) bits[i * shape.columns + j] = 1;
    }
  }
  return bits;
}

/** One bit of a matrix that is given; false outside of it. */
export function givenBit(bits: OracleBits, b: number, head: number, row: number, column: number): boolean {
  const { batch, heads, rows, columns, words } = bits;
  if (row < 0 || row >= rows || column < 0 || column >= columns) return false;
  const perRow = Math.ceil(columns / 32);
  const word = words[(((batch === 1 ? 0 : b) * heads + head) * rows + row) * perRow + Math.floor(column / 32)]!;
  return ((word >>> (column % 32)) & 1) === 1;
}
