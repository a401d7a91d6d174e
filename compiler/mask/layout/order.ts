import type { OrderSpec } from "../../../runtime/launch/curves.js";
import type { IntExpr } from "../ir.js";

/**
 * The tokens of a grid in another order than row-major. A *place* is a position in that order: tokens that
 * are near one another in the grid are to be near one another there, because a kernel's tiles are runs of places.
 */
export interface Order {
  /** How it is written, with its numbers: `tiles(2, 8, 8)`. */
  readonly name: string;
  /** The coordinates of the token at a place of the grid, outermost first. */
  readonly coordinates: (place: IntExpr) => readonly IntExpr[];
  /** Its position, where there is a shorter way to it than from the coordinates. */
  readonly token?: ((place: IntExpr) => IntExpr) | undefined;
  /** Tables that the expressions load from; none where they are closed formulas. */
  readonly tables?: readonly OrderSpec[] | undefined;
}
