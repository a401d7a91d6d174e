import type { BoolExpr, Layout, MaskModule } from "../mask/ir.js";
import type { TileCond } from "../tiles/expr.js";
import type { Order } from "../tiles/row-lengths.js";
import type { KeyBand, KeyRange } from "../tiles/ranges.js";

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
  /**
   * Visits key tiles: those of each range in rising order, none of them twice, but only those for which
   * `may` holds. It is asked of aligned blocks of `spans` tiles first, the widest first: a block for
   * which it fails is passed over as a whole. All uniform.
   *
   * With a `list` its tiles are gathered: place by place from the rising keys of that input or selection, from
   * the first to the last, and there are no ranges. `k0` and `k1` are the first and the last key of a tile then.
   *
   * `chosen` tiles are cut from the keys of the block that the rows of the program have chosen, from its first one on.
   */
  | {
      readonly op: "keyTiles";
      readonly ranges: readonly KeyRange[];
      readonly spans: readonly number[];
      readonly may: TileCond;
      readonly list?: string | undefined;
      readonly chosen?: boolean | undefined;
      readonly body: readonly Stmt[];
    }
  /** A uniform branch. */
  | { readonly op: "when"; readonly cond: TileCond; readonly body: readonly Stmt[] }
  /** to = a b^T */
  | { readonly op: "dot"; readonly to: "S"; readonly a: "Q"; readonly b: "K" }
  /**
   * Scores that are not looked at become {@link MASKED}; keys past the end count as such. Where there are `bands`, their
   * union holds the same keys of each query, in the tiles of which `where` is true if it is given; `k` in both is the
   * first key of the tile.
   */
  | {
      readonly op: "mask";
      readonly tile: "S";
      readonly looks: BoolExpr;
      readonly bands?: readonly KeyBand[] | undefined;
      readonly where?: BoolExpr | undefined;
    }
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
  | { readonly op: "storeLse"; readonly max: "m"; readonly sum: "l" }
  /** Keeps O and m + log2 l of each row, {@link MASKED} where l is 0, as one of the parts that its query is merged from. */
  | { readonly op: "storePart"; readonly from: "O"; readonly max: "m"; readonly sum: "l" };

/** What a masked score becomes: finite, so that no arithmetic meets an infinity. */
export const MASKED = -3e38;
/** The least running maximum: far above MASKED, so that exp2(MASKED - maximum) is 0 in rows without a key too. */
export const LEAST_MAXIMUM = -1e30;

export interface ChosenRows {
  readonly selection: string;
  readonly unit: number;
}

export interface TileProgram {
  readonly module: MaskModule;
  /**
   * With a layout: the position of the token at place `k`, of queries and of keys. Tiles are of places then, `q0` to `k1`
   * too, and in a self space there is a query tile for every tileQ of the N places: a row of Q, K, V, O or lse is that of
   * the token at the place, and a place whose token is not among the last NQ positions has no query, so that its row of Q is
   * zero and nothing is stored. Where there is none, places are positions.
   */
  readonly tokens?: Layout["tokens"] | undefined;
  /** With a layout: a tile of places for which it fails holds no query and is left at once; uniform. */
  readonly queries?: TileCond | undefined;
  /**
   * The rows of a tile are not neighbours: they are queries that chose one and the same block of `unit` keys, rising, by the
   * bits `[query, block]` of a selection. `q0` and `q1` are the positions of the first and the last of them.
   */
  readonly chosen?: ChosenRows | undefined;
  readonly tileQ: number;
  readonly tileK: number;
  /** Which query tiles of a head are started first: those with the longest rows. */
  readonly order: Order;
  readonly body: readonly Stmt[];
}
