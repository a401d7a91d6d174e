import type { OrderSpec } from "../../../runtime/launch/curves.js";
import * as m from "../make.js";
import type { Order } from "./order.js";

/**
 * The generalised Hilbert curve, over extents of any size; over equal powers of two it is Hilbert's. Kernels read where it
 * goes from tables: one of positions and one for the coordinates on each axis.
 *
 * @param behind the number of tokens behind the grid
 */
export function gilbertOrder(name: string, extents: readonly number[], behind: number): Order {
  const table = (of: OrderSpec["of"]): OrderSpec => ({
    name: of === "position" ? "0position" : `0axis${of}`,
    curve: "gilbert",
    extents,
    behind,
    of,
  });
  const axes = extents.map((_, axis) => table(axis));
  const position = table("position");
  return {
    name: `curve(${name})`,
    tables: [...axes, position],
    coordinates: (place) => axes.map((spec) => m.load(spec.name, place)),
    token: (place) => m.load(position.name, place),
  };
}
