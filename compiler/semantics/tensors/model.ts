import type { Span } from "../../source/file.js";
import type { InputModel } from "../model.js";
import type { Typed } from "../typed.js";
import type { TensorShape } from "./shape.js";

/** A tensor expression whose names are resolved and whose axes fit. Sizes are expressions still: a setting may decide them. */
export type TensorTyped = { readonly shape: TensorShape; readonly span: Span } & (
  | { readonly kind: "error" }
  /** A number or a boolean that is the same for all pairs of a head. */
  | { readonly kind: "host"; readonly value: Typed }
  | { readonly kind: "scale" }
  /** All queries, the last of them, or all keys. */
  | { readonly kind: "view"; readonly of: "q" | "k"; readonly last?: Typed | undefined }
  | { readonly kind: "input"; readonly input: InputModel }
  /** A tensor with a name: computed once, wherever it is used. */
  | { readonly kind: "named"; readonly named: TensorLet }
  /** First or last position, or number of positions, of the units of one axis of `axis`. */
  | { readonly kind: "units"; readonly what: "first" | "last" | "size"; readonly axis: TensorTyped }
  | { readonly kind: "unary"; readonly op: "neg" | "abs" | "exp" | "log" | "tanh" | "sqrt" | "not"; readonly a: TensorTyped }
  /** Each vector in whole numbers of `bits` bits times a step of its own. */
  | { readonly kind: "low bit"; readonly a: TensorTyped; readonly bits: Typed | number }
  | { readonly kind: "binary"; readonly op: ElementOp; readonly a: TensorTyped; readonly b: TensorTyped }
  | { readonly kind: "choose"; readonly condition: TensorTyped; readonly a: TensorTyped; readonly b: TensorTyped }
  | {
      readonly kind: "pool";
      readonly op: PoolOp;
      readonly over: "rows" | "columns";
      readonly a: TensorTyped;
      /** Absent: the unit of the selection. */
      readonly unit?: Typed | undefined;
      /** Whether the unit that is given is one of places: `tile(n)`. */
      readonly tile?: boolean | undefined;
      readonly stride?: Typed | undefined;
    }
  | {
      readonly kind: "reduce";
      readonly op: ReduceOp;
      readonly over: "rows" | "columns" | "dim";
      readonly a: TensorTyped;
    }
  /** Diagonals, `unit` of them to one; absent: the unit of the selection, or 1. */
  | { readonly kind: "diagonals"; readonly op: "sum" | "mean"; readonly a: TensorTyped; readonly unit?: Typed | undefined }
  | { readonly kind: "dot"; readonly a: TensorTyped; readonly b: TensorTyped }
  | { readonly kind: "softmax"; readonly a: TensorTyped; readonly where?: TensorTyped | undefined }
  | { readonly kind: "smooth"; readonly op: "mean" | "max"; readonly a: TensorTyped; readonly size: Typed }
  | { readonly kind: "fold"; readonly a: TensorTyped; readonly weights: readonly Typed[] }
  | { readonly kind: "distance"; readonly a: TensorTyped; readonly b: TensorTyped }
);

export type ElementOp = "add" | "sub" | "mul" | "div" | "min" | "max" | "lt" | "le" | "gt" | "ge" | "eq" | "ne" | "and" | "or";
export type PoolOp = "mean" | "sum" | "min" | "max" | "first" | "last";
export type ReduceOp = "sum" | "mean" | "min" | "max";

/** What `probe`, `pool` or `let` names. */
export interface TensorLet {
  readonly name: string;
  readonly clause: "probe" | "pool" | "let";
  readonly value: TensorTyped;
  readonly span: Span;
}

/** What a selection counts in: tokens where there is no size. */
export interface UnitModel {
  readonly size?: Typed | undefined;
  /** Runs of places of the layout in the place of positions: `tile(n)`. */
  readonly tile?: true | undefined;
  readonly clusters?: ClustersModel | undefined;
  readonly span: Span;
}

/** `cluster(n, iters: t, from: c)`: k-means of the queries of a head, or of the keys of a kv head; `cluster(n, ids: doc)`. */
export interface ClustersModel {
  readonly count: Typed;
  readonly by: KMeansModel | { readonly kind: "ids"; readonly input: InputModel };
  readonly span: Span;
}

export interface KMeansModel {
  readonly kind: "k-means";
  /** How often centroids become the means of their clusters. */
  readonly updates: Typed;
  /** The first centroids; without it those of tokens that are spread evenly. */
  readonly from?: InputModel | undefined;
}

/** The units of a selection: `k` or `diag`, and `q` beside `k` where each unit of queries chooses for itself. */
export interface SelectUnits {
  readonly q?: UnitModel | undefined;
  readonly k?: UnitModel | undefined;
  readonly diag?: UnitModel | undefined;
}

export interface KeepModel {
  /** Of `levels(…)`: what the rule of this level keeps and none before it. */
  readonly level?: number | undefined;
  readonly rule: "top" | "mass" | "threshold" | "fraction";
  readonly amount: Typed;
  /** Forced units are kept besides. */
  readonly onTop: boolean;
  readonly min?: Typed | undefined;
  readonly max?: Typed | undefined;
  readonly scope: "row" | "head";
  readonly span: Span;
}

export interface ForceModel {
  /** Numbers of units. */
  readonly first?: Typed | undefined;
  readonly last?: Typed | undefined;
  readonly local?: Typed | undefined;
  readonly current?: Span | undefined;
  /** Masks of what is known before the data and of other selections. */
  readonly masks: readonly Typed[];
  readonly span: Span;
}

export type ReuseModel =
  | { readonly kind: "every"; readonly steps: Typed; readonly span: Span }
  | { readonly kind: "layers"; readonly at: Typed; readonly span: Span }
  /** A row is kept while its queries are as close as this to those that it was chosen for. */
  | { readonly kind: "while"; readonly cosine: Typed; readonly span: Span };

export interface SelectModel {
  readonly name: string;
  readonly units: SelectUnits;
  readonly score: TensorTyped;
  readonly group?: { readonly op: "sum" | "max" | "mean"; readonly over: "kv" | "one"; readonly span: Span } | undefined;
  readonly keep: KeepModel;
  /** Units none of whose pairs satisfy it are no candidates: of what is known before the data and of other selections. */
  readonly among?: Typed | undefined;
  readonly force?: ForceModel | undefined;
  readonly snap?: Typed | undefined;
  readonly reuse?: ReuseModel | undefined;
  readonly span: Span;
}
