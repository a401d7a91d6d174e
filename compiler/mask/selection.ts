/**
 * The selection IR: what a mask learns from the tensors of a call before the attention runs. A *tensor* is an
 * expression with named axes; a *selection* ranks units by a tensor and keeps some of them, a *flag* is one
 * boolean per head. Both become bit matrices that the mask reads by `bit` nodes of their names, like inputs of
 * the caller. Nothing here says how or in which order it is computed.
 *
 * Units are blocks of consecutive positions that start at multiples of their size; the last key block, and the
 * first and last query block of a call, may be short. Query units of a call are counted from the one that holds
 * its first query: with n tokens a unit, query position q is in unit `q / n - first / n`, where `first` is the
 * position of the first query, N - NQ in a self space and 0 in a cross space. Key units are counted from position 0.
 */

import type { BoolExpr, IntExpr } from "./ir.js";

/** Which heads a tensor has: one for each query head, for each kv head, or one for all. */
export type SelectionHeads = "query" | "kv" | "one";

/**
 * Units of the places of the module's layout: runs of them from place 0 on, whatever the positions of their tokens. Of an order
 * that is an input its name is said: then each kv head may have units of its own.
 */
export type OfPlaces = "places" | `order ${string}`;

/** Whether units hold other tokens in other kv heads. A tensor of them has no fewer heads. */
export const differsByHead = (of: RowAxis["of"]): boolean => of?.startsWith("order ") === true;

/**
 * Units that are clusters of the queries of a call, or of its keys, by the text by which the selection is known that puts
 * each token into one (`Selection.assigns`). `unit` then says how many there are; some may be empty. A query head has clusters
 * of queries of its own, a kv head clusters of keys.
 */
export type OfClusters = GivenClusters | `clusters of ${"q" | "k"} around ${string}`;

/**
 * Clusters that an input of ids says, the same in all heads: the tokens whose id is i are cluster i. Tokens with other ids are
 * in none.
 */
export type GivenClusters = `clusters of ${"q" | "k"}, ${number} by ids ${string}`;

/** The queries of a call, or the last of them, in units. */
export interface RowAxis {
  readonly unit: number;
  /**
   * - `places`: there are ceil(N / unit) then, of which some may hold no query of the call.
   * - `keys`: single keys in the place of queries, all N.
   */
  readonly of?: OfPlaces | OfClusters | "keys" | undefined;
  /** The last min(last, NQ) queries of the call, always of unit 1; absent where all queries take part. */
  readonly last?: number | undefined;
}

/**
 * - `keys`: units of `unit` keys that start every `stride` keys. Where `stride` is another than `unit`, or `whole` says so,
 *   there are only windows that fit whole: floor((N - unit) / stride) + 1, at least 0.
 * - `offsets`: distances q - k in units of `unit`, in causal self spaces only: unit i holds the distances from
 *   i * unit on. There are ceil(N / unit).
 * - `centroids`: the `unit` centroids of a clustering.
 */
export type ColumnAxis =
  | {
      readonly kind: "keys";
      readonly unit: number;
      readonly stride: number;
      readonly whole?: true | undefined;
      readonly of?: OfPlaces | OfClusters | undefined;
    }
  | { readonly kind: "offsets" | "centroids"; readonly unit: number };

export interface TensorAxes {
  readonly heads: SelectionHeads;
  /** Absent: no such axis; the value is the same along it. */
  readonly rows?: RowAxis | undefined;
  readonly columns?: ColumnAxis | undefined;
  /** The elements of a query or key vector. */
  readonly dim: boolean;
}

export type PoolOp = "mean" | "sum" | "min" | "max" | "first" | "last";
/** `round` goes to the nearest whole number, from half way to the even one. */
export type TensorUnary = "neg" | "abs" | "exp" | "log" | "tanh" | "sqrt" | "round";
/** Comparisons give 1 and 0. */
export type TensorBinary = "add" | "sub" | "mul" | "div" | "min" | "max" | "lt" | "le";

/**
 * A tensor of float32 numbers. Operands of one operation have equal axes or lack some of the result's: a value is
 * the same along an axis that it lacks; a kv head serves the query heads of its group. A node that is used twice is
 * the same object, and means one computation.
 *
 * A *candidate* pair of a row and a key column is one that causality allows for at least one query of the row's
 * unit and one key of the column's (all pairs in spaces that are not causal).
 */
export type Tensor = { readonly axes: TensorAxes } & (
  | { readonly kind: "number"; readonly value: number }
  /** A float that the host computes per query head: the slot's word holds the bits of a float32. */
  | { readonly kind: "scalar"; readonly slot: number }
  /** The scale of the call: 1 / sqrt(headDim) where it gives none. Not multiplied by log2(e). */
  | { readonly kind: "scale" }
  /** q [query heads, rows of unit 1, dim] or k [kv heads, keys of unit 1, dim]. */
  | { readonly kind: "view"; readonly of: "q" | "k" }
  /**
   * An input of floats by the caller, for each of its heads (query heads, kv heads or one, as the call has it; the axes
   * say query heads): `scores(n, m)` has rows of unit n and keys of unit m, `channels` has dim alone, `weights` single
   * rows or keys alone, `centroids` n centroids and dim (of kv heads where they are of keys), `pooled(n, s)` keys of unit n and
   * stride s, and dim.
   */
  | { readonly kind: "input"; readonly name: string }
  /** The first centroids [query or kv heads, n centroids, dim]: the vectors of the queries or keys i * length / n, rounded down. */
  | { readonly kind: "seeds"; readonly of: "q" | "k" }
  /** Centroids as the means of their clusters, those of `a` where a cluster is empty. */
  | { readonly kind: "update"; readonly by: OfClusters; readonly a: Tensor }
  /** The least or greatest position of a unit that exists, of the row or column axis. Axes: that axis alone. */
  | { readonly kind: "position"; readonly end: "first" | "last" }
  /** The number of positions in a unit of the axis that exist: smaller in short blocks. Axes: that axis alone. */
  | { readonly kind: "size" }
  | { readonly kind: TensorUnary; readonly a: Tensor }
  | { readonly kind: TensorBinary; readonly a: Tensor; readonly b: Tensor }
  /** `cond` is not 0 ? a : b; what is not chosen has no effect, be it NaN. */
  | { readonly kind: "choose"; readonly cond: Tensor; readonly a: Tensor; readonly b: Tensor }
  /**
   * Rows or columns of unit u become units that are multiples of u: over the positions that exist. `mean` divides by
   * how many finer units there are. For columns `keys` the result may overlap (its stride smaller than its unit, a
   * multiple of u).
   */
  | { readonly kind: "pool"; readonly op: PoolOp; readonly over: "rows" | "columns"; readonly a: Tensor }
  /** Sum over dim of a * b: a has rows, b has columns, neither both. */
  | { readonly kind: "dot"; readonly a: Tensor; readonly b: Tensor }
  /**
   * exp(a - max) / sum over the candidates of the row, of those where `where` is not 0 if it is given; others are 0, and a
   * row without candidates is 0 throughout.
   */
  | { readonly kind: "softmax"; readonly a: Tensor; readonly where?: Tensor | undefined }
  /**
   * Reduces a whole axis. Over rows and columns pairs that are no candidates do not take part: sums take them as 0. `mean`
   * divides by the length of the axis. What no candidate takes part in is 0.
   */
  | { readonly kind: "reduce"; readonly op: "sum" | "mean" | "min" | "max"; readonly over: "rows" | "columns" | "dim"; readonly a: Tensor }
  /** Query heads to the kv heads of their groups, or any heads to one. */
  | { readonly kind: "heads"; readonly op: "sum" | "mean" | "min" | "max"; readonly a: Tensor }
  /**
   * Sums of a [rows of unit 1, keys of unit 1] along its diagonals, over the pairs with k <= q: columns become `offsets`
   * of the result's unit. `mean` divides by the number of rows, whatever the length of the diagonal.
   */
  | { readonly kind: "diagonals"; readonly op: "sum" | "mean"; readonly a: Tensor }
  /** Over the columns i - (size - 1) / 2 to i + size / 2 that exist: `mean` divides by `size` all the same, as pooling with zeros at the ends does. */
  | { readonly kind: "smooth"; readonly op: "mean" | "max"; readonly size: number; readonly a: Tensor }
  /**
   * Weighted sum over columns around a unit: result column i (keys of unit U = stride) takes column
   * `i * U / s + j - lead` of `a` (whose stride is s, which divides U) with weight `weights[j]`, where it exists.
   */
  | { readonly kind: "fold"; readonly weights: readonly number[]; readonly lead: number; readonly a: Tensor }
);

/** A float known at compile time, or by head in a host scalar that holds the bits of a float32. */
export type RealValue = { readonly kind: "number"; readonly value: number } | { readonly kind: "scalar"; readonly slot: number };

/**
 * What is kept of the candidates of a row, or of all rows of a head taken together.
 * - `top`: the n best; fewer where there are fewer.
 * - `mass`: the smallest prefix, by falling score, whose sum is at least p of the sum of all; scores are not negative.
 * - `threshold`: scores of at least t.
 * - `fraction`: as top, with n = ceil(f * candidates).
 * Ties go to the lower index, row-major in a head. `least` and `most` bound the number of units kept by mass,
 * threshold and fraction; the n of `top` is within them already. A NaN score ranks below all others and has no mass.
 *
 * Forced units are kept whatever their scores. They count in n, in the mass and in least and most, where `top` etc.
 * then fills up with the best of the others; with `onTop` the rule is applied to the units that are not forced.
 * Where there are more forced units than a budget allows, all of them are kept and nothing else is.
 */
export interface Keep {
  readonly rule:
    | { readonly kind: "top"; readonly n: IntExpr }
    | { readonly kind: "mass"; readonly p: RealValue }
    | { readonly kind: "threshold"; readonly t: RealValue }
    | { readonly kind: "fraction"; readonly f: RealValue };
  readonly least?: IntExpr | undefined;
  readonly most?: IntExpr | undefined;
  readonly scope: "row" | "head";
}

/**
 * Which units are always kept: a unit pair some of whose pairs satisfy `pairs` (in q, k, heads, lengths and the bits of
 * earlier selections, causality included), or units counted at an end of the axis.
 */
export interface Force {
  readonly pairs?: BoolExpr | undefined;
  /** The first n units. */
  readonly first?: IntExpr | undefined;
  /** The last n candidates of the row (of keys), or of the axis where there are no rows. */
  readonly last?: IntExpr | undefined;
  /** With query units of n and key units of m tokens: the n units up to the one that holds the row's last query. */
  readonly local?: IntExpr | undefined;
  readonly onTop: boolean;
}

/**
 * Its bit matrix has rows for the query units (one row where `rows` is absent) and columns for the units of `columns`:
 * - keys: `bit [q / n - first / n, k / m]`
 * - offsets: `bit [row, (q - k) / m]`
 * An axis of places has `place of q / n`, counted from 0, or `place of k / m` in the place of these. Of clusters the matrix
 * has single tokens, so that it needs no clusters to be read: `q - first`, and `k`. Where `numbered` names an order that holds
 * the clusters of places, it has the clusters themselves: `cluster of the place of q`, and `cluster of the place of k`.
 * With `snap` s the matrix is coarser: a tile of s x s positions is on where the selection, taken on the endless
 * plane, touches it: keys `[q / s - first / s (or row 0), k / s]`, offsets `[0, q / s - k / s]`.
 */
export interface Selection {
  readonly kind: "selection";
  readonly name: string;
  readonly heads: SelectionHeads;
  readonly rows?: { readonly unit: number; readonly of?: RowAxis["of"] } | undefined;
  readonly columns: {
    readonly kind: ColumnAxis["kind"];
    readonly unit: number;
    readonly of?: OfPlaces | OfClusters | undefined;
  };
  /**
   * No mask reads it: its rows are single queries or keys, its columns centroids, and each row keeps the one whose cluster the
   * token is in. The clusters are known by this text.
   */
  readonly assigns?: OfClusters | undefined;
  /** Axes of clusters by which the layout orders the tokens: by what names the clusters of places are known. */
  readonly numbered?: { readonly rows?: string | undefined; readonly columns?: string | undefined } | undefined;
  /** Has the selection's axes, or lacks some. */
  readonly score: Tensor;
  readonly keep: Keep;
  /**
   * Units may be kept only if one of their pairs satisfies it, or if they are forced: in q, k, heads, lengths and the bits of
   * earlier selections, causality included. What else is said of candidates, as in `softmax`, is about causality alone.
   */
  readonly among?: BoolExpr | undefined;
  readonly force?: Force | undefined;
  readonly snap?: number | undefined;
  /** Heads for which nothing is selected, because their mask does not read it, may be skipped: where this is false. */
  readonly when?: BoolExpr | undefined;
  /** How long a selection of an earlier call may stand in for a new one. */
  readonly reuse?: Reuse | undefined;
}

export type Reuse =
  | { readonly kind: "every"; readonly steps: IntExpr }
  /** Made at the layers for which `at` is true, given back by the caller at the others. */
  | { readonly kind: "layers"; readonly at: BoolExpr }
  /**
   * A row that the caller gives back stays while the cosine of its queries and of those that it was chosen for is at least
   * this; other rows are chosen anew. A row of units of several queries has their mean; heads that share a choice stand side
   * by side in one vector. Zero vectors and numbers that are none are like no other.
   */
  | { readonly kind: "while"; readonly cosine: RealValue };

/**
 * The order that a layout has the keys in: within each segment of so many, keys by falling score, equal ones by position and
 * NaN last. Its matrix is one of words, rows of 32 columns: for each place the position of its key, and behind
 * these the least and the greatest position of each 32 places. The score has a number for each key.
 */
export interface SortedOrder {
  readonly kind: "order";
  readonly by: "score";
  readonly name: string;
  readonly heads: "kv";
  readonly score: Tensor;
  readonly segment: number;
}

/**
 * Tokens in the order of their clusters, those of one by position; of the queries of a self space those before the call come
 * first. Its matrix is one of words as that of {@link SortedOrder}: for each place the position of its token, or the cluster
 * that it is in (the first one for tokens before the call), which never falls from place to place.
 */
export interface ClusterOrder {
  readonly kind: "order";
  readonly by: "clusters";
  readonly name: string;
  readonly heads: SelectionHeads;
  readonly of: OfClusters;
  /** How many clusters there are; of given ones tokens that are in none stand behind them, as if in one more. */
  readonly count: number;
  readonly holds: "positions" | "clusters";
}

export type Order = SortedOrder | ClusterOrder;

/** What a mask, or the layout, learns from the tensors of a call. */
export type SelectionItem = Selection | Flag | Order;

/** One boolean per head, `bit [0, 0]`: whether a tensor without rows, columns and dim is not 0. */
export interface Flag {
  readonly kind: "flag";
  readonly name: string;
  readonly heads: SelectionHeads;
  readonly value: Tensor;
}
