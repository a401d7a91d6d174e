import type { Span } from "../../source/file.js";
import type { PatternCell } from "../model.js";

/** What a table file holds. */
export interface Cells {
  readonly kind: "cells";
  readonly rows: number;
  readonly columns: number;
  /** `[row][column]`; for a table of patterns the indices into `patterns`. */
  readonly values: readonly number[];
  readonly patterns?: readonly PatternCell[] | undefined;
}

/** What is wrong with a table file, and where in it. */
export type TableProblem =
  | { readonly kind: "ragged"; readonly span: Span; readonly expected: number; readonly found: number }
  | { readonly kind: "value"; readonly span: Span; readonly found: string }
  | { readonly kind: "syntax"; readonly span: Span; readonly problem: string }
  | { readonly kind: "missing"; readonly span: Span; readonly name: string; readonly have: string }
  | { readonly kind: "empty"; readonly span: Span };
