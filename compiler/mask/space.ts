import type { BoolExpr, IntExpr, Space } from "./ir.js";
import * as m from "./make.js";

/** The extent of an axis: a number, or its runtime parameter. */
export function extentOf(space: Space, axis: number): IntExpr {
  const { extent, name } = space.axes[axis]!;
  return extent === "runtime" ? m.param(name) : m.int(extent);
}

/** How far apart two neighbours on an axis are in the sequence: the product of the later extents; 1 for the last. */
export function strideOf(space: Space, axis: number): IntExpr {
  let stride = m.int(1);
  for (let i = space.axes.length - 1; i > axis; i--) stride = m.mul(extentOf(space, i), stride);
  return stride;
}

/**
 * The coordinate of a position on an axis of a grid that is flattened row-major, last axis fastest.
 * Behind the grid coordinates begin again, as if another grid followed.
 */
export function coordinateOf(space: Space, axis: number, position: IntExpr): IntExpr {
  const along = m.div(position, strideOf(space, axis));
  // Without segments every token lies in the grid, and the outermost coordinate needs no wrapping.
  const inGrid = space.segments.length === 0 && isPosition(position);
  return axis === 0 && inGrid ? along : m.mod(along, extentOf(space, axis));
}

/** Where the segments start: the length of the grid, or for `seq` what the segments leave of N. */
export function baseLength(space: Space): IntExpr {
  const fixed = fixedBaseLength(space);
  if (fixed !== undefined) return m.int(fixed);
  return m.sub(m.variable("N"), m.int(segmentsLength(space)));
}

/** The number of tokens of a grid whose extents are all numbers. */
export function fixedBaseLength(space: Space): number | undefined {
  if (space.axes.length === 0) return undefined;
  let length = 1;
  for (const axis of space.axes) {
    if (axis.extent === "runtime") return undefined;
    length *= axis.extent;
  }
  return length;
}

export function segmentsLength(space: Space): number {
  return space.segments.reduce((sum, segment) => sum + segment.length, 0);
}

/** Whether a position lies in a segment, or in the grid or sequence itself. */
export function inSegment(space: Space, segment: number | "base", position: IntExpr): BoolExpr {
  const base = baseLength(space);
  const index = segment === "base" ? -1 : segment;
  const before = space.segments.slice(0, Math.max(0, index)).reduce((sum, each) => sum + each.length, 0);
  const start = index < 0 ? m.int(0) : m.add(base, m.int(before));
  const end = index < 0 ? base : m.add(start, m.int(space.segments[index]!.length));
  // A token lies in `[0, N)`: of the first and the last part one bound is enough.
  const isToken = isPosition(position);
  const above = isToken && index < 0 ? [] : [m.le(start, position)];
  const below = isToken && index === space.segments.length - 1 ? [] : [m.lt(position, end)];
  return m.and(m.bool(true), ...above, ...below);
}

function isPosition(expr: IntExpr): boolean {
  return expr.kind === "var" && (expr.name === "q" || expr.name === "k");
}
