import { boundsContext } from "../bounds.js";
import type { Bounds, BoundsContext } from "../bounds.js";
import type { BoolExpr, IntExpr, Layout, MaskModule, Space } from "../ir.js";
import * as m from "../make.js";
import { simplifyBool, simplifyInt } from "../simplify.js";
import { fixedBaseLength, segmentsLength, strideOf } from "../space.js";
import { keyOf, mapLeaves } from "../walk.js";
import { Digits } from "./digits.js";
import type { Order } from "./order.js";

/**
 * The module with its grid, of fixed extents, in another order: the mask in terms of places. Segments behind
 * the grid keep their places. A permutation of queries and keys alike: the mask itself stays what it is.
 */
export function permute(module: MaskModule, order: Order): MaskModule {
  const { space } = module;
  const grid = m.int(gridLength(space));
  const inGrid = order.token?.(m.k) ?? tokenOf(space, order.coordinates(m.k));
  const token = space.segments.length === 0 ? inGrid : m.select(m.lt(m.k, grid), inGrid, m.k);
  const layout: Layout = { name: order.name, token: simplifyInt(token), mask: permuteMask(module, order) };
  return { ...module, ...(order.tables === undefined ? {} : { orders: order.tables }), layout };
}

function gridLength(space: Space): number {
  const length = fixedBaseLength(space);
  if (length === undefined) throw new Error("only a grid of fixed extents has another order");
  return length;
}

/** The position of a token of the grid. */
function tokenOf(space: Space, coordinates: readonly IntExpr[]): IntExpr {
  return coordinates.map((coordinate, axis) => m.mul(coordinate, simplifyInt(strideOf(space, axis)))).reduce((x, y) => m.add(x, y));
}

type Part = "grid" | "behind";

/** Queries and keys are each in the grid, where places differ from positions, or behind it. */
function permuteMask(module: MaskModule, order: Order): BoolExpr {
  const { mask, space } = module;
  const grid = m.int(gridLength(space));
  const parts = (q: Part, k: Part): BoolExpr => simplifyBool(inPlaces(module, order, { q, k }));
  if (space.segments.length === 0) return parts("grid", "grid");
  const cases = (name: "q" | "k", inside: BoolExpr, behind: BoolExpr): BoolExpr => {
    if (keyOf(inside) === keyOf(behind)) return inside;
    return m.or(m.and(m.lt(m.variable(name), grid), inside), m.and(m.le(grid, m.variable(name)), behind));
  };
  const keys = (q: Part): BoolExpr => simplifyBool(cases("k", parts(q, "grid"), parts(q, "behind")));
  return mask.kind === "bool" ? mask : simplifyBool(cases("q", keys("grid"), keys("behind")));
}

/** The mask for queries of one part and keys of one part, first over coordinates, then over places. */
function inPlaces(module: MaskModule, order: Order, parts: { readonly q: Part; readonly k: Part }): BoolExpr {
  const { space } = module;
  const grid = gridLength(space);
  const length = grid + segmentsLength(space);
  const stands = new Map<string, { readonly expr: IntExpr; readonly bounds: Bounds }>();
  const standIn = (name: string, expr: IntExpr, bounds: Bounds): IntExpr => {
    stands.set(name, { expr, bounds });
    return m.param(name);
  };
  // No name of a program has a point in it.
  const positionOf = (name: "q" | "k"): IntExpr => {
    const place = m.variable(name);
    if (parts[name] === "behind") return standIn(`${name}.behind`, place, { low: grid, high: length - 1 });
    const coordinates = order
      .coordinates(place)
      .map((expr, i) => standIn(`${name}.${i}`, expr, { low: 0, high: (space.axes[i]!.extent as number) - 1 }));
    return tokenOf(space, coordinates);
  };
  const context = boundsContext(module, length);
  const bounds: BoundsContext = { ...context, param: (name) => stands.get(name)?.bounds ?? context.param(name) };
  const digits = new Digits({ q: positionOf("q"), k: positionOf("k") }, bounds);
  const fixed = mapLeaves(module.mask, (leaf) => (leaf.kind === "var" && leaf.name === "N" ? m.int(length) : leaf));
  return mapLeaves(digits.bool(fixed), (leaf) => (leaf.kind === "param" ? (stands.get(leaf.name)?.expr ?? leaf) : leaf));
}
