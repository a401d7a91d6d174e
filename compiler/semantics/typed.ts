import type { Span } from "../source/file.js";
import type { BinaryOperator } from "../syntax/ast.js";
import type { AxisModel, InputModel, LetModel, ParamModel, PatternModel, SegmentModel, TableModel } from "./model.js";
import type { SelectModel, TensorTyped } from "./tensors/model.js";
import type { Type } from "./types.js";

/** What a value depends on, as bits; 0 is a compile-time constant. */
export const Depends = {
  nothing: 0,
  /** `q`, `k`, or an input: differs from pair to pair. */
  pair: 1,
  batch: 2,
  /** Heads, lengths, layer, step, phase, tables: the same for all pairs of a head in a launch. */
  launch: 4,
  /** A runtime parameter or extent. */
  runtime: 8,
} as const;

/** What an expression may name without declaring it; see the built-ins for what each is. */
export type Variable = "q" | "k" | "h" | "kvh" | "b" | "N" | "NQ" | "layer" | "layers" | "step" | "steps" | "phase";

interface Node {
  readonly type: Type;
  readonly depends: number;
  readonly span: Span;
}

export type Operator = Exclude<BinaryOperator, "in">;

/** Functions of numbers that are computed from their arguments alone. */
export type NumberFunction = "min" | "max" | "abs" | "clamp" | "round_up" | "pow2" | "log" | "exp" | "tanh" | "floor" | "ceil";

/** Mask terms with at most one argument. */
export type MaskTerm = "first" | "last" | "local" | "current";

/** A checked expression: every name resolved, every node typed. */
export type Typed = Node &
  (
    | { readonly kind: "constant"; readonly value: number | boolean }
    | { readonly kind: "variable"; readonly name: Variable }
    | { readonly kind: "param"; readonly param: ParamModel }
    | { readonly kind: "let"; readonly let: LetModel }
    | { readonly kind: "phase"; readonly name: string }
    /** A cell; the row or column of the head at hand where none is written. */
    | { readonly kind: "cell"; readonly table: TableModel; readonly row?: Typed | undefined; readonly column?: Typed | undefined }
    | { readonly kind: "quantile"; readonly table: TableModel; readonly p: Typed }
    | { readonly kind: "load"; readonly input: InputModel; readonly index: Typed }
    /** An input as a mask term, at the pair at hand; or `bits` at the row and column that are written. */
    | { readonly kind: "bit"; readonly input: InputModel; readonly at?: { readonly row: Typed; readonly column: Typed } | undefined }
    | { readonly kind: "coordinate"; readonly of: Typed; readonly axis: AxisModel }
    | {
        readonly kind: "near";
        readonly axis: AxisModel;
        readonly window: Typed;
        readonly stride?: Typed | undefined;
        readonly dilation?: Typed | undefined;
        readonly causal?: Typed | undefined;
      }
    /** The first or last position of the window `k` of pooled keys. */
    | { readonly kind: "windowEnd"; readonly end: "first" | "last"; readonly windows: InputModel }
    | { readonly kind: "inSegment"; readonly position: Typed; readonly segment: SegmentModel }
    | { readonly kind: "inList"; readonly value: Typed; readonly items: readonly Typed[] }
    | { readonly kind: "term"; readonly term: MaskTerm; readonly n?: Typed | undefined }
    | { readonly kind: "call"; readonly name: NumberFunction; readonly args: readonly Typed[] }
    | { readonly kind: "apply"; readonly pattern: PatternModel; readonly args: ReadonlyMap<ParamModel, Typed> }
    | { readonly kind: "negate" | "not"; readonly operand: Typed }
    | { readonly kind: "binary"; readonly op: Operator; readonly left: Typed; readonly right: Typed }
    | { readonly kind: "conditional"; readonly condition: Typed; readonly then: Typed; readonly otherwise: Typed }
    /** A selection as a mask term; only what its `min` keeps where `least` is true. */
    | { readonly kind: "selected"; readonly select: SelectModel; readonly least: boolean }
    /** One boolean for each head, from the tensors of the call. */
    | { readonly kind: "flag"; readonly name: string; readonly tensor: TensorTyped }
    | { readonly kind: "error" }
  );
