import type { TileCond, TileExpr } from "./expr.js";

/** The nodes directly below a tile expression. */
export function children(node: TileExpr | TileCond): readonly (TileExpr | TileCond)[] {
  return Object.values(node).filter((value): value is TileExpr | TileCond => typeof value === "object" && value !== null);
}
