import type { CallNode, LayoutClause } from "../syntax/ast.js";
import { evaluate, matchArgs } from "./expressions.js";
import { orderAt } from "./inputs.js";
import { OracleError } from "./program.js";
import type { Orders, Place, TokensOf } from "./scope.js";
import { clusteredTokens, sortedKeys } from "./select/selections.js";
import type { OracleSpace } from "./space.js";
import { fixed } from "./values.js";

/*
 * The order in which a layout has the tokens: the position at each place. Told by sorting, but for curves, which are
 * walked along.
 */

/** The positions of a call's tokens in the order of its layout. */
export function ordersOf(clause: LayoutClause, place: Place, space: OracleSpace, N: number): Orders {
  const [item] = clause.items;
  if (item === undefined) throw new OracleError("a layout without an order");
  if (item.callee.name !== "permute") {
    const tokens = tokensInOrder(item, place, space, N);
    return { q: () => tokens, k: () => tokens };
  }
  const given = matchArgs(item.args, ["q", "k"]);
  const { launch } = place;
  const ofInput = (axis: "q" | "k"): Orders => {
    const expr = given.get(axis);
    if (expr === undefined) return {};
    if (expr.kind === "call" && expr.callee.name === "sort") return { [axis]: sortedKeys(expr, { ...place, space }) };
    if (expr.kind === "call" && expr.callee.name === "cluster") {
      const { tokensOf, key } = clusteredTokens(axis, expr, { ...place, space });
      return { [axis]: tokensOf, clusters: { [axis]: key } };
    }
    const value = expr.kind === "name" ? launch.inputs?.[expr.name] : undefined;
    if (value === undefined) throw new OracleError("an order is not given");
    return { [axis]: remembered(({ b, h, kvh }) => orderAt(value, launch, { b, h, kvh })) };
  };
  const [q, k] = [ofInput("q"), ofInput("k")];
  return { ...q, ...k, clusters: { ...q.clusters, ...k.clusters } };
}

/** One list for each batch entry and head, so that it is the same object for all that ask. */
function remembered(make: TokensOf): TokensOf {
  const known = new Map<string, readonly number[]>();
  return (at) => {
    const key = `${at.b}.${at.kvh}`;
    let tokens = known.get(key);
    if (tokens === undefined) known.set(key, (tokens = make(at)));
    return tokens;
  };
}

/** Told by the names of the clause. */
function tokensInOrder(item: CallNode, place: Place, space: OracleSpace, N: number): readonly number[] {
  if (item.callee.name === "residues") return byResidue(sizeOf(item, "modulus", place), N);
  const points = gridPoints(space.axes.map((axis) => axis.extent));
  const behind = Array.from({ length: N - points.length }, (_, i) => points.length + i);
  return [...gridOrder(item, place, space, points), ...behind];
}

const sizeOf = (item: CallNode, name: string, place: Place): number => fixed(evaluate(matchArgs(item.args, [name]).get(name)!, place));

/** All points in the order of positions. */
function gridPoints(extents: readonly number[]): readonly (readonly number[])[] {
  return extents.reduce<readonly (readonly number[])[]>(
    (all, extent) => all.flatMap((point) => Array.from({ length: extent }, (_, x) => [...point, x])),
    [[]],
  );
}

function gridOrder(item: CallNode, place: Place, { axes }: OracleSpace, points: readonly (readonly number[])[]): readonly number[] {
  if (item.callee.name === "tiles") {
    const given = matchArgs(
      item.args,
      axes.map((axis) => axis.name),
    );
    const sizes = axes.map((axis) => fixed(evaluate(given.get(axis.name)!, place)));
    return sortedBy(points, (point) => [...point.map((x, i) => Math.floor(x / sizes[i]!)), ...point]);
  }
  const [curve] = item.args;
  if (curve?.value.kind === "name" && curve.value.name === "morton") return sortedBy(points, interleaved);
  const extents = axes.map((axis) => axis.extent);
  const index = new Map(points.map((point, position) => [point.join(), position]));
  return alongCurve(extents).map((point) => index.get(point.join())!);
}

/** The indices of points by rising keys. */
function sortedBy(points: readonly (readonly number[])[], keyOf: (point: readonly number[]) => readonly number[]): readonly number[] {
  const keys = points.map(keyOf);
  return points
    .map((_, position) => position)
    .sort((a, b) => {
      const at = keys[a]!.findIndex((each, i) => each !== keys[b]![i]);
      return at < 0 ? 0 : keys[a]![at]! - keys[b]![at]!;
    });
}

const LEVELS = 24;

/** The bits of coordinates, the highest first, of each level the outermost axis first. */
function interleaved(point: readonly number[]): readonly number[] {
  const bits: number[] = [];
  for (let level = LEVELS; level >= 0; level--) for (const x of point) bits.push(Math.floor(x / 2 ** level) % 2);
  return bits;
}

/** In periods of 64 tokens a residue: by residue, then as they were. What is left over stays. */
function byResidue(modulus: number, N: number): readonly number[] {
  const period = 64 * modulus;
  const reordered = Math.floor(N / period) * period;
  const positions = Array.from({ length: N }, (_, p) => [p]);
  return sortedBy(positions, ([p]) => [Math.floor(p! / period), p! < reordered ? p! % modulus : 0, p!]);
}

type Vector = readonly number[];

const sum = (a: Vector, b: Vector, times = 1): Vector => a.map((x, i) => x + times * b[i]!);
const lengthOf = (a: Vector): number => a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
const stepOf = (a: Vector): Vector => a.map(Math.sign);

/** About half of a side, an even number of steps where there are more than two: then the parts of a curve meet. */
function halfOf(side: Vector): Vector {
  const length = lengthOf(side);
  let steps = Math.floor(length / 2);
  if (steps % 2 === 1 && length > 2) steps++;
  return stepOf(side).map((x) => x * steps);
}

/**
 * Cerveny's generalised Hilbert curve through a box, as the list of its points. A box is a corner and its sides, of which
 * the curve follows the first one; it falls into two boxes, three or five, whose curves are put together.
 */
function alongCurve(extents: readonly number[]): readonly Vector[] {
  const sizes = [...extents, 1].slice(0, 3);
  // Longer sides first; of equal ones the outer first.
  const axes = [0, 1, 2].sort((a, b) => sizes[b]! - sizes[a]! || a - b);
  const [a, b, c] = axes.map((axis): Vector => [0, 1, 2].map((i) => (i === axis ? sizes[axis]! : 0))) as [Vector, Vector, Vector];
  return curve([0, 0, 0], a, b, c).map((point) => point.slice(0, extents.length));
}

function curve(at: Vector, a: Vector, b: Vector, c: Vector): readonly Vector[] {
  const [width, height, depth] = [a, b, c].map(lengthOf) as [number, number, number];
  const longer = [a, b, c].filter((side) => lengthOf(side) > 1);
  if (longer.length <= 1) {
    const side = longer[0] ?? a;
    return Array.from({ length: lengthOf(side) }, (_, i) => sum(at, stepOf(side), i));
  }
  const [a2, b2, c2] = [a, b, c].map(halfOf) as [Vector, Vector, Vector];
  const [restA, restB, restC] = [sum(a, a2, -1), sum(b, b2, -1), sum(c, c2, -1)];
  const backwards = (side: Vector): Vector => side.map((x) => 0 - x);
  // The last point of a side that starts at a corner.
  const to = (side: Vector): Vector => sum(side, stepOf(side), -1);
  const from = (...moves: readonly Vector[]): Vector => moves.reduce((point, move) => sum(point, move), at);
  if (width > 1 && 2 * width > 3 * height && 2 * width > 3 * depth) return [...curve(at, a2, b, c), ...curve(from(a2), restA, b, c)];
  if (depth === 1 || 3 * height > 4 * depth) {
    return [...curve(at, b2, c, a2), ...curve(from(b2), a, restB, c), ...curve(from(to(a), to(b2)), backwards(b2), c, backwards(restA))];
  }
  if (height === 1 || 3 * depth > 4 * height) {
    return [...curve(at, c2, a2, b), ...curve(from(c2), a, b, restC), ...curve(from(to(a), to(c2)), backwards(c2), backwards(restA), b)];
  }
  return [
    ...curve(at, b2, c2, a2),
    ...curve(from(b2), c, a2, restB),
    ...curve(from(to(b2), to(c)), a, backwards(b2), backwards(restC)),
    ...curve(from(to(a), b2, to(c)), backwards(c), backwards(restA), restB),
    ...curve(from(to(a), to(b2)), backwards(b2), c2, backwards(restA)),
  ];
}
