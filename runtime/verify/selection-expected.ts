/** The rule of a selection with its numbers filled in. */
export interface KeepNumbers {
  readonly rule: "top" | "top_p" | "threshold" | "fraction";
  readonly amount: number;
  readonly least?: number | undefined;
  readonly most?: number | undefined;
  /** Forced units are kept besides what the rule keeps. */
  readonly onTop: boolean;
}

/**
 * What a slow, obvious selector makes for one batch entry and head. Arrays are `[row][column]`; there is one row where
 * all queries share a choice.
 */
export interface ExpectedHead {
  readonly rows: number;
  readonly columns: number;
  readonly candidates: Uint8Array;
  readonly forced: Uint8Array;
  readonly kept: Uint8Array;
  /** In float64, and in float32 in different orders. */
  readonly scores: readonly Float64Array[];
  /** What single roundings may do to a score, to first order. */
  readonly slack: Float64Array;
  readonly rule: KeepNumbers;
  /** Whether each row has a budget of its own, or all of the head one. */
  readonly scope: "row" | "head";
  /** The bits that are on where a unit is kept, where they differ from head to head: units are clusters. */
  readonly bitsOf?: ((row: number, column: number) => readonly (readonly [number, number])[]) | undefined;
}

export interface ExpectedSelection {
  readonly kind: "selection";
  readonly name: string;
  /** The size of its matrices of bits, and those bits that are on where a unit is kept: its own, but for `snap`. */
  readonly matrix: {
    readonly rows: number;
    readonly columns: number;
    readonly bitsOf: (row: number, column: number) => readonly (readonly [number, number])[];
  };
  readonly select: (b: number, h: number) => ExpectedHead;
}

/** An order of the keys: within segments by falling score. */
export interface ExpectedOrder {
  readonly kind: "order";
  readonly name: string;
  readonly segment: number;
  /** By position. */
  readonly scoresOf: (b: number, h: number) => Pick<ExpectedHead, "scores" | "slack">;
}

/** An order that what is selected before determines: by place, for each batch entry and head. */
export interface ExactOrder {
  readonly kind: "order";
  readonly name: string;
  readonly valuesOf: (b: number, h: number) => readonly number[];
}

/** A boolean for each head. */
export interface ExpectedFlag {
  readonly kind: "flag";
  readonly name: string;
  readonly decide: (b: number, h: number) => { readonly holds: boolean; readonly sure: boolean };
}
