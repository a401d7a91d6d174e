import type { BoolExpr, MaskModule } from "../mask/ir.js";
import type { TileCond } from "../tiles/expr.js";
import type { KeyRange } from "../tiles/ranges.js";

/**
 * The tile program: what one workgroup does for one tile of queries of one head, in operations on
 * whole tiles. It knows neither threads nor memory spaces nor a target.
 *
 * Tiles are matrices: Q [tileQ, headDim], K [tileK, headDim], V [tileK, valueDim], S and P
 * [tileQ, tileK], O [tileQ, valueDim]. Row vectors have one number per query of the tile.
 */
export type Matrix = "Q" | "K" | "V" | "S" | "P" | "O";
/** m: running maximum, n: the next one, a: factor between them, l: running denominator. */
export type RowVector = "m" | "n" | "a" | "l";

export type Stmt =
  /** Rows of the query tile times `scale * log2(e)`, of the present key tile; rows past the end are zero. */
  | { readonly op: "load"; readonly to: "Q" | "K" | "V" }
  | { readonly op: "fill"; readonly to: RowVector | "O"; readonly value: number }
  /** Visits key tiles: those of each range in rising order, none of them twice. */
  | { readonly op: "keyTiles"; readonly ranges: readonly KeyRange[]; readonly body: readonly Stmt[] }
  /** Leaves the present key tile unless the condition holds; uniform. */
  | { readonly op: "skipUnless"; readonly cond: TileCond }
  /** A uniform branch. */
  | { readonly op: "when"; readonly cond: TileCond; readonly body: readonly Stmt[] }
  /** to = a b^T */
  | { readonly op: "dot"; readonly to: "S"; readonly a: "Q"; readonly b: "K" }
  /** Scores that are not looked at become {@link MASKED}; keys past the end count as such. */
  | { readonly op: "mask"; readonly tile: "S"; readonly looks: BoolExpr }
  /** to = max(from, largest score of the row, {@link LEAST_MAXIMUM}) */
  | { readonly op: "rowMax"; readonly to: "n"; readonly from: "m"; readonly tile: "S" }
  /** to = exp2(x - y), row by row for vectors, with y broadcast over the columns for the matrix. */
  | { readonly op: "exp2"; readonly to: "a"; readonly x: "m"; readonly y: "n" }
  | { readonly op: "exp2"; readonly to: "P"; readonly x: "S"; readonly y: "n" }
  | { readonly op: "copy"; readonly to: "m"; readonly from: "n" }
  /** tile or vector *= by, row by row */
  | { readonly op: "scale"; readonly to: "O" | "l"; readonly by: "a" }
  /** to += sum of each row of tile */
  | { readonly op: "addRowSum"; readonly to: "l"; readonly tile: "P" }
  /** to += a b */
  | { readonly op: "accumulate"; readonly to: "O"; readonly a: "P"; readonly b: "V" }
  /** O /= l, and 0 where l is 0. */
  | { readonly op: "normalize"; readonly to: "O"; readonly by: "l" }
  | { readonly op: "store"; readonly from: "O" }
  /** lse = ln 2 * (m + log2 l), -infinity where l is 0; only if the caller wants it. */
  | { readonly op: "storeLse"; readonly max: "m"; readonly sum: "l" };

/** What a masked score becomes: finite, so that no arithmetic meets an infinity. */
export const MASKED = -3e38;
/** The least running maximum: far above MASKED, so that exp2(MASKED - maximum) is 0 in rows without a key too. */
export const LEAST_MAXIMUM = -1e30;

export interface TileProgram {
  readonly module: MaskModule;
  readonly tileQ: number;
  readonly tileK: number;
  readonly body: readonly Stmt[];
}
