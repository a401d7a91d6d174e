import fc from "fast-check";
import type { BoolExpr, MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import type { Selection, SelectionHeads } from "../../compiler/mask/selection.js";
import { boolExpr } from "./arbitrary.js";

/** The bit of a pair whose query chose the key's block. */
export const chosenBit = (unit: number): BoolExpr =>
  m.bit("best", m.sub(m.q, m.sub(m.variable("N"), m.variable("NQ"))), m.div(m.k, m.int(unit)));

/** Masks in which the chosen blocks stand where they can add pairs only. */
export const withBlocks = (unit: number): fc.Arbitrary<BoolExpr> =>
  fc.letrec<{ mask: BoolExpr }>((tie) => ({
    mask: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      { weight: 5, arbitrary: fc.constant(chosenBit(unit)) },
      { weight: 2, arbitrary: boolExpr(1) },
      { weight: 3, arbitrary: fc.tuple(boolExpr(1), tie("mask")).map(([a, b]) => m.and(a, b)) },
      { weight: 3, arbitrary: fc.tuple(tie("mask"), tie("mask")).map(([a, b]) => m.or(a, b)) },
      { weight: 1, arbitrary: fc.tuple(boolExpr(0), tie("mask"), tie("mask")).map(([c, a, b]) => m.choose(c, a, b)) },
    ),
  })).mask;

/** A selection by which each query chooses `n` blocks, given back by the caller; how it would score them does not matter. */
function blocksByQuery(unit: number, n: number, heads: SelectionHeads): Selection {
  return {
    kind: "selection",
    name: "best",
    heads,
    rows: { unit: 1 },
    columns: { kind: "keys", unit },
    score: { kind: "number", value: 0, axes: { heads: "one", dim: false } },
    keep: { rule: { kind: "top", n: m.int(n) }, scope: "row" },
    reuse: { kind: "layers", at: m.bool(false) },
  };
}

/** The module with that selection. */
export const choosing = (module: MaskModule, unit: number, n = 2, heads: SelectionHeads = "query"): MaskModule => ({
  ...module,
  selections: [blocksByQuery(unit, n, heads)],
});
