/**
 * The selection program: what is computed before the attention runs, as a list of stages. Each stage fills one tensor
 * of float32 or one matrix of bits, element by element, from what earlier stages left and from the tensors of the
 * call. It knows neither threads nor a target, but says how the elements of a stage are shared out.
 *
 * Tensors lie in one scratch buffer, `[batch][head][row][column][dim]` without the axes that they lack. Matrices of
 * bits lie there too, or in the aux buffer of the launch where the mask reads them. Those that are not needed at the same
 * time may lie in the same words.
 *
 * A launch may go through a call in parts, one after another: some batch entries and heads, and of these the stages of a
 * loop over strips for some rows at a time. See `CallPart`.
 */

import type { BoolExpr, FloatInput, IntExpr, MaskModule } from "../mask/ir.js";
import type { RealValue, SelectionHeads, TensorUnary } from "../mask/selection.js";
import type { TileCond } from "../tiles/expr.js";
import type { CallPart, PartRules } from "../../runtime/launch/module.js";

/** The shape of a call, and what a part of it has. */
export type ShapeName = "batch" | "heads" | "kvHeads" | "headDim" | "N" | "NQ" | keyof CallPart;

export type IntOp = "add" | "sub" | "mul" | "div" | "mod" | "min" | "max";

/**
 * Integers of 32 bits: places in tensors, positions, counts. What depends on shape names alone is computed once on the
 * host. `div` and `mod` are of numbers that are not negative, by numbers above 0.
 *
 * Names in scope of every stage but as its comment says: `b`, `head` (of the heads that the stage has), `h` (that head
 * as a query head, the first of its group), `kvh`, and the indices `row`, `column`, `dim` of the element.
 */
export type Int =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "shape"; readonly name: ShapeName }
  | { readonly kind: "name"; readonly name: string }
  /** An expression of the mask in `h`, `kvh`, lengths, parameters and host scalars. */
  | { readonly kind: "mask"; readonly expr: IntExpr }
  /** The position of the query or key at a place of the module's layout; for `b` and `h` where the `order` is an input. */
  | {
      readonly kind: "token";
      readonly axis: "q" | "k";
      readonly place: Int;
      readonly order?: string | undefined;
      /** The matrix of an order that a stage makes. */
      readonly bits?: Bits | undefined;
    }
  /** The id of a token of an input of ids, of the batch entry `b`. */
  | { readonly kind: "id"; readonly input: string; readonly place: Int }
  /** A whole number that an earlier stage has stored; float32 holds those up to 2^24. */
  | { readonly kind: "whole"; readonly of: Real }
  | { readonly kind: IntOp; readonly a: Int; readonly b: Int };

export type Cond =
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "lt" | "le"; readonly a: Int; readonly b: Int }
  | { readonly kind: "and" | "or"; readonly items: readonly Cond[] }
  | { readonly kind: "not"; readonly a: Cond }
  | { readonly kind: "nonzero"; readonly a: Real }
  /** A condition of the mask in `h`, `kvh`, lengths, parameters and host scalars. */
  | { readonly kind: "mask"; readonly expr: BoolExpr }
  /** One bit: of the stage's own head in the scratch buffer; of a matrix that the mask reads, of the head that serves `h`. */
  | { readonly kind: "bit"; readonly bits: Bits; readonly row: Int; readonly column: Int };

/** Places of an element; axes that a tensor lacks are left out. */
export interface Place {
  readonly head: Int;
  readonly row?: Int | undefined;
  readonly column?: Int | undefined;
  readonly dim?: Int | undefined;
}

export type RealBinary = "add" | "sub" | "mul" | "div" | "min" | "max" | "lt" | "le";

/** A float32 number, computed in float32 at every operation. A node that is used twice is the same object. */
export type Real =
  | { readonly kind: "number"; readonly value: number }
  /** The bits of a host scalar of a query head. */
  | { readonly kind: "scalar"; readonly slot: number; readonly head: Int }
  /** The scale of the call. */
  | { readonly kind: "scale" }
  | { readonly kind: "float"; readonly a: Int }
  | { readonly kind: "load"; readonly from: Tensor; readonly at: Place }
  /** A query by its row in the call, a key by its position: `head` is a query head, a kv head. */
  | { readonly kind: "query" | "key"; readonly head: Int; readonly row: Int; readonly dim: Int }
  /** An input of floats: `head` is a query head, whatever heads the caller gave. */
  | { readonly kind: "input"; readonly input: FloatInput; readonly at: Place }
  /** A word of a matrix of the launch as a float32, as a stage before this launch's has left it: `dim` counts words. */
  | { readonly kind: "word"; readonly from: Bits; readonly at: { readonly head: Int; readonly row: Int; readonly dim: Int } }
  /** In a `dot` stage: the product of the element. */
  | { readonly kind: "product" }
  | { readonly kind: TensorUnary; readonly a: Real }
  | { readonly kind: RealBinary; readonly a: Real; readonly b: Real }
  | { readonly kind: "choose"; readonly cond: Cond; readonly a: Real; readonly b: Real }
  /**
   * Reduces `body` over `name` in [from, to), where `where` holds; 0 where it never does. Loops of a stage over the same name
   * are one loop with several results: they have the same range and condition, and stand in the same loops.
   */
  | {
      readonly kind: "loop";
      readonly op: "sum" | "min" | "max";
      readonly name: string;
      readonly from: Int;
      readonly to: Int;
      readonly where?: Cond | undefined;
      readonly body: Real;
    };

interface Rows {
  /** Positions of a row, where rows are the units of all queries of a call; absent for those of its last queries. */
  readonly rowUnit?: number | undefined;
  /** The row that is stored first, where only those of a strip are. */
  readonly firstRow?: Int | undefined;
}

/** Numbers in the scratch buffer, of the batch entries and heads of a part. Extents are known at launch. */
export interface Tensor extends Rows {
  readonly name: string;
  /** First word. */
  readonly base: Int;
  readonly heads: SelectionHeads;
  readonly rows?: Int | undefined;
  readonly columns?: Int | undefined;
  readonly dim?: Int | undefined;
}

/** A matrix of bits for each batch entry and head; each row starts a new word. In the aux buffer where `base` is absent. */
export interface Bits extends Rows {
  readonly name: string;
  readonly base?: Int | undefined;
  readonly heads: SelectionHeads;
  readonly rows: Int;
  readonly columns: Int;
  /** The selection for which it holds, word for word, the queries that its rows were chosen for. */
  readonly remembers?: string | undefined;
  /** Whether its words are float32 numbers that a launch ends with. */
  readonly numbers?: true | undefined;
}

export type KeepRule =
  { readonly kind: "top"; readonly n: Int } | { readonly kind: "mass" | "threshold" | "fraction"; readonly value: RealValue };

/** Rows of a stage's result, counted from the one that holds the first query of the call. */
export interface RowRange {
  readonly first: Int;
  readonly count: Int;
}

interface StageBase {
  /** For people: what it computes. */
  readonly name: string;
  /** Selections and flags that need it. */
  readonly serves: readonly string[];
  /**
   * Where it is run for strips of rows: the number of its loop, in which other stages may stand. What is written there is
   * read for the same rows inside of it, or after it.
   */
  readonly strips?: number | undefined;
  /** Rows that it computes at a time; absent where it computes all. */
  readonly rows?: RowRange | undefined;
  /** A number for each batch entry: where none of a part is 0, the stage need not be run. */
  readonly unless?: Tensor | undefined;
}

/** A tensor that a stage fills, and the number of an element. */
export interface MapResult {
  readonly to: Tensor;
  readonly value: Real;
}

/**
 * - `thread`: a thread computes an element.
 * - `group`: the threads of a workgroup share the loops that an element's value holds, but for loops inside of loops.
 */
export type MapStage = StageBase &
  MapResult & {
    readonly kind: "map";
    readonly share: "thread" | "group";
    /** Further tensors with the same axes, which are filled with it. */
    readonly also?: readonly MapResult[] | undefined;
  };

/**
 * A product of matrices, in tiles: the sum over dim of `a` (in `row`, `dim`) times `b` (in `column`, `dim`), from which
 * `value` makes the element. Elements for which `only` fails are 0, and cheaper; where it holds, it holds for later rows
 * and for earlier columns too. Those for which `wanted` fails are 0, too, and cost nothing in tiles where it fails for all.
 */
export type DotStage = StageBase & {
  readonly kind: "dot";
  readonly to: Tensor;
  readonly a: Real;
  readonly b: Real;
  readonly value: Real;
  readonly only?: Cond | undefined;
  readonly wanted?: Cond | undefined;
  /** Rows of `to` that one tile holds: 1 where there is one row only. */
  readonly tileRows: 1 | 64;
};

/**
 * Keeps units of a row, or of all rows of a head taken together, by their scores: see `Keep` of the selection IR for the
 * rules. A unit takes part where `candidate` holds, and is kept in any case where `forced` does too.
 */
export type KeepStage = StageBase & {
  readonly kind: "keep";
  /** Read several times: a load. */
  readonly score: Real;
  readonly to: Bits;
  readonly scope: "row" | "head";
  readonly rule: KeepRule;
  readonly least?: Int | undefined;
  readonly most?: Int | undefined;
  readonly candidate: Cond;
  readonly forced: Cond;
  readonly onTop: boolean;
  /** Heads for which it fails keep nothing. */
  readonly when: Cond;
  /** Rows for which it holds keep what they have. */
  readonly stays?: Cond | undefined;
  /** Whether rows are expected to have few units: several of them share a workgroup then. */
  readonly short: boolean;
};

/**
 * A bit is on where one of the pairs of its row and column satisfies a mask: queries `[q0, q1]` with keys `[k0, k1]`,
 * or with keys at distances of `[k0, k1]`. Where `may` fails none does, where `must` holds all do.
 */
export type PairsStage = StageBase & {
  readonly kind: "pairs";
  readonly to: Bits;
  readonly columns: "keys" | "offsets";
  readonly pairs: BoolExpr;
  /** The matrices that `pairs` reads bits of. */
  readonly reads: readonly Bits[];
  readonly q0: Int;
  readonly q1: Int;
  readonly k0: Int;
  readonly k1: Int;
  readonly may?: TileCond | undefined;
  readonly must?: TileCond | undefined;
};

/** Coarser bits: a bit is on where one of `from` is, in rows [row0, row1) and columns [column0, column1) of it. */
export type SnapStage = StageBase & {
  readonly kind: "snap";
  readonly from: Bits;
  readonly to: Bits;
  readonly row0: Int;
  readonly row1: Int;
  readonly column0: Int;
  readonly column1: Int;
};

/** One bit per head: whether a number is not 0. */
export type FlagStage = StageBase & { readonly kind: "flag"; readonly to: Bits; readonly value: Real };

/**
 * Numbers word for word in a matrix of the launch, as float32 or, if they are `whole`, as integers; rows for which `stays` holds
 * keep what they have.
 */
export type WordsStage = StageBase & {
  readonly kind: "words";
  readonly to: Bits;
  readonly value: Real;
  readonly whole?: true | undefined;
  readonly stays?: Cond | undefined;
};

/**
 * Sorts the keys of each segment by falling score; see `SortedOrder` of the selection IR for the rule, and for what stands in
 * the rows of `to`: words of 32 columns.
 */
export type SortStage = StageBase & {
  readonly kind: "sort";
  readonly to: Bits;
  /** Of the key at `column`. */
  readonly score: Real;
  readonly segment: number;
};

export type Stage = SortStage | WordsStage | MapStage | DotStage | KeepStage | PairsStage | SnapStage | FlagStage;

export interface SelectionProgram {
  readonly module: MaskModule;
  /** In order; each reads what those before it wrote. */
  readonly stages: readonly Stage[];
  /** What the mask reads, by the names of selections and flags. */
  readonly matrices: readonly {
    readonly bits: Bits;
    readonly reusable: boolean;
    /** Both are given back, or none: a selection that its queries guard, and these. */
    readonly with?: string | undefined;
  }[];
  /** Words of the scratch buffer. */
  readonly scratch: Int;
  /** Into which parts a launch may divide a call. */
  readonly parts: PartRules;
}
