/**
 * The mask IR: which pairs one attention operator looks at, as one boolean expression over
 * 32-bit integers. Names, imports, patterns, lets, grids and tables are gone; what a launch or a
 * caller decides is left as variables, parameters, host scalars and inputs.
 */

import type { OrderSpec } from "../../runtime/launch/curves.js";
import type { SelectionItem } from "./selection.js";

/**
 * - `q`, `k`: positions. In a self space `q` runs over `[N - NQ, N)`, in a cross space over `[0, NQ)`;
 *   `k` over `[0, N)`.
 * - `h`, `kvh`, `b`: query head, key-value head, batch entry.
 * - `N`, `NQ`: number of keys, of queries.
 * - `layer`, `layers`, `step`, `steps`, `phase`: given at each call; `phase` is an index into `phases`.
 */
export type Variable = "q" | "k" | "h" | "kvh" | "b" | "N" | "NQ" | "layer" | "layers" | "step" | "steps" | "phase";

export type IntBinary = "add" | "sub" | "mul" | "div" | "mod" | "min" | "max";

export type IntExpr =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "var"; readonly name: Variable }
  /** A runtime parameter or a runtime extent of an axis: a uniform of the kernel. */
  | { readonly kind: "param"; readonly name: string }
  /** An integer that the host computes per head before a launch; see {@link HostScalar}. */
  | { readonly kind: "scalar"; readonly slot: number }
  | { readonly kind: "neg" | "abs"; readonly a: IntExpr }
  /** `div` floors and `mod` is never negative; the divisor is positive. */
  | { readonly kind: IntBinary; readonly a: IntExpr; readonly b: IntExpr }
  | { readonly kind: "select"; readonly cond: BoolExpr; readonly a: IntExpr; readonly b: IntExpr }
  /** The id of a token of an `ids` input; the index is clamped to the input's length. `byHead` where it may have an axis of heads. */
  | { readonly kind: "load"; readonly input: string; readonly index: IntExpr; readonly byHead?: true | undefined };

export type CompareOp = "lt" | "le" | "eq" | "ne";

export type BoolExpr =
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "compare"; readonly op: CompareOp; readonly a: IntExpr; readonly b: IntExpr }
  | { readonly kind: "and" | "or"; readonly items: readonly BoolExpr[] }
  | { readonly kind: "not"; readonly a: BoolExpr }
  /** `cond ? a : b`; from `assign`, where cond is uniform in a workgroup, and from `a if cond else b`. */
  | { readonly kind: "choose"; readonly cond: BoolExpr; readonly a: BoolExpr; readonly b: BoolExpr }
  /** True where `a` is 1, 2, 4, 8, … */
  | { readonly kind: "pow2"; readonly a: IntExpr }
  /** One bit of an input that is (or is converted to) a bit matrix per head; false outside of it. */
  | { readonly kind: "bit"; readonly input: string; readonly row: IntExpr; readonly col: IntExpr };

/** A float64 expression that the host evaluates once per head and launch. Integers are floats here; booleans are 0 and 1. */
export type HostExpr =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "var"; readonly name: Exclude<Variable, "q" | "k" | "b"> }
  | { readonly kind: "param"; readonly name: string }
  | { readonly kind: "table"; readonly table: number; readonly row: HostExpr; readonly column: HostExpr }
  | { readonly kind: "neg" | "abs" | "not" | "log" | "exp" | "tanh" | "floor" | "ceil"; readonly a: HostExpr }
  | {
      readonly kind: "add" | "sub" | "mul" | "divide" | "floordiv" | "mod" | "min" | "max" | "lt" | "le" | "eq" | "ne" | "and" | "or";
      readonly a: HostExpr;
      readonly b: HostExpr;
    }
  | { readonly kind: "select"; readonly cond: HostExpr; readonly a: HostExpr; readonly b: HostExpr };

/** An integer per query head that the host computes before a launch: `expr` rounds to an exact int32. */
export interface HostScalar {
  readonly expr: HostExpr;
  /** What it came from, for people: `span = round_up(…)`. */
  readonly note: string;
  /** The word holds the bits of `expr` rounded to float32, for selections; an int32 where this is absent. */
  readonly as?: "f32" | undefined;
}

/** Numbers read from a file at compile time: `values[row][column]`, rows are layers (or one), columns heads or kv heads. */
export interface Table {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly values: readonly number[];
}

export interface RuntimeParam {
  readonly name: string;
  readonly default?: number | undefined;
  /** The least value allowed: 1 where it divides or is an extent. */
  readonly min?: number | undefined;
  readonly doc?: string | undefined;
}

/**
 * A tensor the caller passes. In memory each has optional leading axes `[batch]` and `[heads]`
 * (heads: 1, the kv heads or the query heads).
 * - `ids`: one int32 per token of the axis. With `order` it holds for each place the position of its token, each position
 *   once, for all heads or for each kv head; without, it has no axis of heads.
 * - `bits`: `rows x columns` bits; "q" and "k" stand for NQ and N, numbers for themselves.
 * - `blocks`: one bit for each block of n queries and m keys; rows count from query position 0.
 * - `columns`, `diagonals`: key positions, or offsets q - k; padded with -2147483648 at the end.
 * - `csr`: for each block of n queries the list of blocks of m keys: offsets and indices.
 *
 * All but `ids` reach the kernel as bit matrices. Their `bit` nodes address them as: bits [row, col];
 * blocks and csr [q / n, k / m]; columns [0, k]; diagonals [0, q - k + N - 1].
 */
export type Input =
  | { readonly kind: "ids"; readonly name: string; readonly axis: "q" | "k"; readonly order?: true | undefined }
  | { readonly kind: "bits"; readonly name: string; readonly rows: "q" | number; readonly columns: "k" | number }
  | { readonly kind: "blocks"; readonly name: string; readonly n: number; readonly m: number }
  | { readonly kind: "columns"; readonly name: string }
  | { readonly kind: "diagonals"; readonly name: string }
  | { readonly kind: "csr"; readonly name: string; readonly n: number; readonly m: number };

/**
 * A tensor of floats that selections read, of the dtype f32, with the same optional leading axes. No mask reads it.
 * - `scores`: a score for each block of n queries and m keys: rows count from the block of the first query of the call.
 * - `channels`: headDim numbers.
 * - `weights`: a number for each of the N keys, or for each of the NQ queries of the call.
 * - `centroids`: n vectors of headDim numbers; heads are 1, the kv heads or, of queries, the query heads.
 * - `pooled`: a vector of headDim numbers for each window of n keys that fits whole, every `stride` keys.
 */
export type FloatInput =
  | { readonly kind: "scores"; readonly name: string; readonly n: number; readonly m: number }
  | { readonly kind: "channels"; readonly name: string }
  | { readonly kind: "weights"; readonly name: string; readonly axis: "q" | "k" }
  | { readonly kind: "centroids"; readonly name: string; readonly axis: "q" | "k"; readonly n: number }
  | { readonly kind: "pooled"; readonly name: string; readonly n: number; readonly stride: number };

/** An axis of the index space; the last one is fastest. */
export interface Axis {
  readonly name: string;
  /** A number, or the runtime parameter of the same name. */
  readonly extent: number | "runtime";
}

export interface Space {
  readonly kind: "self" | "cross";
  readonly causal: boolean;
  /** Empty for `seq`. */
  readonly axes: readonly Axis[];
  /** Segments after the grid or sequence, in order. A `seq` with segments has N minus theirs as its own length. */
  readonly segments: readonly { readonly name: string; readonly length: number }[];
}

/** Element types of q, k, v and the output. */
export const DTYPES = ["f32", "f16", "bf16"] as const;
export type Dtype = (typeof DTYPES)[number];

export interface Shape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly dtype: Dtype;
}

/**
 * Another order of the tokens, in which kernels cut them into tiles. A *place* is a position in it. The
 * caller's tensors and the mask of the module are in the order of positions all the same.
 */
export interface Layout {
  /** How it is written, with its numbers: `tiles(2, 8, 8)`. */
  readonly name: string;
  /** The position of the token at place `k`, of queries and of keys: each position once. Absent where places are positions. */
  readonly tokens: { readonly q?: IntExpr | undefined; readonly k?: IntExpr | undefined };
  /** The mask of the module for places `q` and `k`. */
  readonly mask: BoolExpr;
}

/**
 * What `k` counts in a branch that attends from pooled tensors: the windows of `n` keys, one every `stride` keys, that fit
 * whole among the keys of the call, whose number is the parameter `tokens`. Queries are numbered from 0; in a self space
 * (of the call) query i stands at position `tokens - NQ + i`. Selections are made over the call's own `space` and keys.
 */
export interface KeyWindows {
  readonly n: number;
  readonly stride: number;
  readonly tokens: string;
  readonly space: Space;
}

/** One attention operator, ready for tile analysis. */
export interface MaskModule {
  readonly name: string;
  readonly doc?: string | undefined;
  /** `file:line` of the declaration, for comments in what is generated. */
  readonly origin: string;
  readonly space: Space;
  readonly shape: Shape;
  readonly params: readonly RuntimeParam[];
  readonly inputs: readonly Input[];
  /** Inputs of floats, which selections read. */
  readonly floatInputs?: readonly FloatInput[] | undefined;
  readonly tables: readonly Table[];
  readonly scalars: readonly HostScalar[];
  /** Names of the phases, where the declaration has them. */
  readonly phases: readonly string[];
  /** Present where keys are windows of the call's keys: then the space is a cross space. */
  readonly windows?: KeyWindows | undefined;
  /** The pairs looked at, causality included; `0 <= k < N` is understood. */
  readonly mask: BoolExpr;
  /** What the mask learns from the tensors of a call; it reads each by `bit` nodes of its name. */
  readonly selections?: readonly SelectionItem[] | undefined;
  /** Absent where places are positions. */
  readonly layout?: Layout | undefined;
  /** Tables of the layout: its expressions load from them by place, as from ids. */
  readonly orders?: readonly OrderSpec[] | undefined;
  readonly emitLse: boolean;
  readonly requireRowsNonempty: boolean;
}
