import type { SourceFile, Span } from "../source/file.js";
import type { Declaration } from "../syntax/ast.js";
import type { ClustersModel, TensorTyped } from "./tensors/model.js";
import type { Typed } from "./typed.js";
import type { Type } from "./types.js";

/** What semantic analysis makes of a program: declarations with every name resolved and every expression typed. */
export interface Model {
  readonly file: SourceFile;
  /** The patterns and attentions that the entry file declares, in the order written. */
  readonly patterns: readonly PatternModel[];
  readonly attentions: readonly AttentionModel[];
}

export interface ParamModel {
  readonly name: string;
  readonly runtime: boolean;
  /** Without a unit. */
  readonly type: Type;
  readonly value: Typed;
  readonly span: Span;
}

export interface LetModel {
  readonly name: string;
  readonly value: Typed;
  readonly span: Span;
}

export interface AxisModel {
  readonly name: string;
  /** From the outermost, 0, to the fastest. */
  readonly index: number;
  readonly extent: Typed | "runtime";
  readonly span: Span;
}

/** A part of the index space; `base` is the grid or sequence itself, which has no length of its own. */
export interface SegmentModel {
  readonly name: string;
  readonly index: number | "base";
  readonly length?: Typed | undefined;
  readonly span: Span;
}

export interface SpaceModel {
  readonly kind: "self" | "cross";
  readonly causal: boolean;
  readonly axes: readonly AxisModel[];
  readonly segments: readonly SegmentModel[];
  readonly base: SegmentModel;
  readonly span: Span;
}

/** Another order of the tokens, in which they are cut into tiles. */
export type LayoutModel =
  | {
      readonly kind: "tiles";
      /** One for each axis, the outermost first. */
      readonly sizes: readonly Typed[];
      readonly span: Span;
    }
  | { readonly kind: "curve"; readonly curve: Curve; readonly span: Span }
  | { readonly kind: "residues"; readonly modulus: Typed; readonly span: Span }
  /** Orders that are data, of queries and of keys: one of them at least. */
  | { readonly kind: "permute"; readonly q?: OrderModel | undefined; readonly k?: OrderModel | undefined; readonly span: Span };

/** An order of tokens that is data: what the caller gives as an input, keys sorted by a score within segments, or tokens by their clusters. */
export type OrderModel =
  | { readonly kind: "input"; readonly input: InputModel }
  | { readonly kind: "sort"; readonly score: TensorTyped; readonly segment: Typed }
  | { readonly kind: "clusters"; readonly clusters: ClustersModel };

/** Curves that fill a grid. */
export type Curve = "morton" | "hilbert" | "gilbert";

/** `gate` and `pooled` are floats, which no mask reads: see the branches. `scores`, `channels`, `weights` and `pooled` are for selections. */
export type InputKind =
  | "ids"
  | "order"
  | "bits"
  | "blocks"
  | "columns"
  | "diagonals"
  | "csr"
  | "gate"
  | "pooled"
  | "scores"
  | "channels"
  | "weights"
  | "centroids";

export interface InputModel {
  readonly name: string;
  readonly kind: InputKind;
  /** `blocks`, `csr` and `scores`: n and m. `gate` and `centroids`: how many. `pooled`: keys of a window, and from one window's first to the next's. */
  readonly sizes: readonly Typed[];
  /** `ids`: the axis that it has one id per token of; `centroids`: the tokens that they are near to. */
  readonly axis: "q" | "k";
  readonly span: Span;
}

export interface TableModel {
  readonly name: string;
  /** The file it was read from, as shown to people. */
  readonly file: string;
  readonly rows: number;
  readonly columns: number;
  /** `[row][column]`; for a table of patterns the indices into `patterns`. */
  readonly values: readonly number[];
  /** The different cells of a table of pattern names. */
  readonly patterns?: readonly PatternCell[] | undefined;
  readonly span: Span;
}

/** A pattern with arguments, as a table names it. */
export interface PatternCell {
  readonly pattern: string;
  readonly args: readonly { readonly name?: string | undefined; readonly value: number | boolean }[];
  /** The place in the table's file. */
  readonly span: Span;
}

export interface ShapeField {
  readonly name: "heads" | "kv_heads" | "dim" | "value_dim";
  readonly value: Typed;
}

export interface ShapeModel {
  readonly fields: readonly ShapeField[];
  readonly dtype?: "f32" | "f16" | "bf16" | undefined;
  readonly span: Span;
}

/** Which pairs: one expression, or a choice. */
export type AttendModel =
  | { readonly kind: "attend"; readonly value: Typed }
  | {
      readonly kind: "assign";
      /** In order; a case of an `assign PHASE` asks for the phase as well. */
      readonly groups: readonly AssignGroup[];
    }
  /** Pairs that each of them lets through: not written, asked by the compiler of two branches. */
  | { readonly kind: "both"; readonly items: readonly AttendModel[] };

export interface AssignGroup {
  readonly phase?: string | undefined;
  readonly choice:
    | { readonly kind: "cases"; readonly cases: readonly { readonly when: Typed; readonly value: Typed }[]; readonly otherwise: Typed }
    /** A head's pattern is the one that its cell of the table names. */
    | { readonly kind: "table"; readonly table: TableModel; readonly terms: readonly Typed[] };
  readonly span: Span;
}

/** One of several attentions of a layer. */
export interface BranchModel {
  readonly name: string;
  readonly attend: AttendModel;
  /** Keys and values of its own, one for each window of the call's keys: inputs of kind `pooled`. */
  readonly from?: { readonly key: InputModel; readonly value: InputModel } | undefined;
  readonly span: Span;
}

/** A number that the output of a branch is multiplied by: one for each query and head. */
export type FactorModel =
  | { readonly kind: "number"; readonly value: Typed }
  | { readonly kind: "gate"; readonly input: InputModel; readonly index: Typed }
  | { readonly kind: "neg" | "exp" | "tanh" | "sigmoid"; readonly a: FactorModel }
  | { readonly kind: "add" | "sub" | "mul" | "div"; readonly a: FactorModel; readonly b: FactorModel };

/** A branch of a merge, and how many keys each of its keys stands for: 1 where it is not said. */
export interface MergedModel {
  readonly branch: BranchModel;
  readonly count?: Typed | undefined;
}

/** What becomes of the outputs of branches. */
export type MixModel =
  | { readonly kind: "branch"; readonly branch: BranchModel }
  /** Attention over the keys of all, of which no two may see the same pair. */
  | { readonly kind: "merge"; readonly parts: readonly MergedModel[]; readonly span: Span }
  | { readonly kind: "scale"; readonly factor: FactorModel; readonly of: MixModel }
  | { readonly kind: "add" | "sub"; readonly a: MixModel; readonly b: MixModel };

interface DeclarationModel {
  readonly name: string;
  readonly doc?: string | undefined;
  readonly file: SourceFile;
  readonly node: Declaration;
  readonly params: readonly ParamModel[];
  readonly span: Span;
}

/** A reusable piece. Its body is checked after all signatures of its file are known; absent when it has errors. */
export interface PatternModel extends DeclarationModel {
  readonly kind: "pattern";
  readonly inputs: readonly InputModel[];
  readonly attend?: AttendModel | undefined;
}

export interface AttentionModel extends DeclarationModel {
  readonly kind: "attention";
  readonly space: SpaceModel;
  readonly shape?: ShapeModel | undefined;
  readonly layout?: LayoutModel | undefined;
  readonly phases: readonly string[];
  readonly inputs: readonly InputModel[];
  /** Absent where there is a mix of branches. */
  readonly attend?: AttendModel | undefined;
  /** The output where it is not that of one attention over the call's keys. */
  readonly mix?: MixModel | undefined;
  readonly emitLse: boolean;
  readonly requireRowsNonempty: boolean;
}
