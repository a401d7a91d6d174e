/**
 * Curves that fill a grid: neighbours on the curve are near one another in the grid. The order of a grid's
 * tokens along one follows from the extents alone, so that kernels get it as a table that is made on the spot.
 */
export interface OrderSpec {
  /** The name by which a kernel reads it: no name of a program starts with a digit. */
  readonly name: string;
  readonly curve: "gilbert";
  /** Of the grid, outermost first; two or three. */
  readonly extents: readonly number[];
  /** Tokens behind the grid, which keep their places. */
  readonly behind: number;
  /** What is in the table: the coordinate on that axis, or the position. */
  readonly of: number | "position";
}

/** A step or an extent in each direction of the grid. */
type Vector = readonly [number, number, number];

const plus = (a: Vector, b: Vector): Vector => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const negative = (a: Vector): Vector => minus([0, 0, 0], a);
const length = (a: Vector): number => Math.abs(a[0] + a[1] + a[2]);
const half = (a: Vector): Vector => [Math.trunc(a[0] / 2), Math.trunc(a[1] / 2), Math.trunc(a[2] / 2)];
/** One step along a vector that has one direction. */
const unit = (a: Vector): Vector => [Math.sign(a[0]), Math.sign(a[1]), Math.sign(a[2])];

/** Half of a side, and one step more where that makes it even: then a part ends beside where the next one starts. */
function evenHalf(a: Vector): Vector {
  const part = half(a);
  return length(part) % 2 === 1 && length(a) > 2 ? plus(part, unit(a)) : part;
}

/**
 * Visits a box with the sides a, b and c from a corner on, so that it ends at the far end of a: the generalised Hilbert
 * curve of Cerveny. A box much longer than the others along a side is cut there; else the curve goes out along one
 * half, across and back along the other.
 */
function visit(at: Vector, a: Vector, b: Vector, c: Vector, see: (at: Vector) => void): void {
  const [w, h, d] = [length(a), length(b), length(c)];
  const long = w === 1 ? (h === 1 ? c : b) : a;
  if ([w, h, d].filter((side) => side > 1).length < 2) {
    for (let i = 0, point = at; i < length(long); i++, point = plus(point, unit(long))) see(point);
    return;
  }
  const [a2, b2, c2] = [evenHalf(a), evenHalf(b), evenHalf(c)];
  const [aRest, bRest, cRest] = [minus(a, a2), minus(b, b2), minus(c, c2)];
  // The last points of the sides, and of the first halves.
  const [aEnd, bTurn, cTurn] = [minus(a, unit(a)), minus(b2, unit(b)), minus(c2, unit(c))];
  const cEnd = minus(c, unit(c));
  const go = (by: Vector, x: Vector, y: Vector, z: Vector): void => visit(plus(at, by), x, y, z, see);
  if (w > 1 && 2 * w > 3 * h && 2 * w > 3 * d) {
    go([0, 0, 0], a2, b, c);
    go(a2, aRest, b, c);
  } else if (d === 1 || 3 * h > 4 * d) {
    go([0, 0, 0], b2, c, a2);
    go(b2, a, bRest, c);
    go(plus(aEnd, bTurn), negative(b2), c, negative(aRest));
  } else if (h === 1 || 3 * d > 4 * h) {
    go([0, 0, 0], c2, a2, b);
    go(c2, a, b, cRest);
    go(plus(aEnd, cTurn), negative(c2), negative(aRest), b);
  } else {
    go([0, 0, 0], b2, c2, a2);
    go(b2, c, a2, bRest);
    go(plus(bTurn, cEnd), a, negative(b2), negative(cRest));
    go(plus(aEnd, plus(b2, cEnd)), negative(c), negative(aRest), bRest);
    go(plus(aEnd, bTurn), negative(b2), c2, negative(aRest));
  }
}

/** The points of a grid along the generalised Hilbert curve, as coordinates, outermost first: `[place]`. */
export function gilbert(extents: readonly number[]): readonly (readonly number[])[] {
  const sizes = [extents[0]!, extents[1]!, extents[2] ?? 1];
  const sides = sizes
    .map((size, axis) => ({ size, side: [0, 1, 2].map((i) => (i === axis ? size : 0)) as unknown as Vector }))
    .sort((x, y) => y.size - x.size)
    .map(({ side }) => side);
  const points: (readonly number[])[] = [];
  visit([0, 0, 0], sides[0]!, sides[1]!, sides[2]!, (point) => points.push(point.slice(0, extents.length)));
  return points;
}

/** The table of an order: one integer for each place. */
export function orderTable({ extents, behind, of }: OrderSpec): Int32Array {
  const points = gilbert(extents);
  const value = (point: readonly number[]): number =>
    of === "position" ? point.reduce((position, x, axis) => position * extents[axis]! + x, 0) : point[of]!;
  const table = new Int32Array(points.length + behind);
  points.forEach((point, place) => (table[place] = value(point)));
  // Behind the grid no coordinate is asked for.
  for (let place = points.length; place < table.length; place++) table[place] = of === "position" ? place : table[points.length - 1]!;
  return table;
}
