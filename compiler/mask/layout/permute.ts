import type { BoolExpr, IntExpr, Layout, MaskModule, Space } from "../ir.js";
import * as m from "../make.js";
import { simplifyBool, simplifyInt } from "../simplify.js";
import { fixedBaseLength, segmentsLength, strideOf } from "../space.js";
import { mapLeaves } from "../walk.js";
import type { Order } from "./order.js";
import { byParts, overPositions } from "./parts.js";
import type { Parts } from "./parts.js";

/**
 * The module with its grid, of fixed extents, in another order: the mask in terms of places. Segments behind
 * the grid keep their places. A permutation of queries and keys alike: the mask itself stays what it is.
 */
export function permute(module: MaskModule, order: Order): MaskModule {
  const { space } = module;
  const grid = m.int(gridLength(space));
  const inGrid = order.token?.(m.k) ?? tokenOf(space, order.coordinates(m.k));
  const token = space.segments.length === 0 ? inGrid : m.select(m.lt(m.k, grid), inGrid, m.k);
  const position = simplifyInt(token);
  const layout: Layout = { name: order.name, tokens: { q: position, k: position }, mask: permuteMask(module, order) };
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

function permuteMask(module: MaskModule, order: Order): BoolExpr {
  const { mask, space } = module;
  if (space.segments.length === 0) return simplifyBool(inPlaces(module, order, { q: true, k: true }));
  if (mask.kind === "bool") return mask;
  return byParts(m.int(gridLength(space)), (reordered) => inPlaces(module, order, reordered));
}

/** The mask for queries and keys that are in the grid or behind it, first over coordinates, then over places. */
function inPlaces(module: MaskModule, order: Order, inGrid: Parts): BoolExpr {
  const { space } = module;
  const grid = gridLength(space);
  const length = grid + segmentsLength(space);
  const fixed = mapLeaves(module.mask, (leaf) => (leaf.kind === "var" && leaf.name === "N" ? m.int(length) : leaf));
  return overPositions(module, length, fixed, (name, standIn) => {
    const place = m.variable(name);
    if (!inGrid[name]) return standIn(`${name}.behind`, place, { low: grid, high: length - 1 });
    const extent = (i: number): number => space.axes[i]!.extent as number;
    return tokenOf(
      space,
      order.coordinates(place).map((expr, i) => standIn(`${name}.${i}`, expr, { low: 0, high: extent(i) - 1 })),
    );
  });
}
