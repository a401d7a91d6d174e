import type { BoolExpr, MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import type { Selection } from "../../compiler/mask/selection.js";

/** The bit of a pair whose query chose the key's block. */
export const chosenBit = (unit: number): BoolExpr =>
  m.bit("best", m.sub(m.q, m.sub(m.variable("N"), m.variable("NQ"))), m.div(m.k, m.int(unit)));

/** A selection by which each query chooses `n` blocks; how it scores them does not matter. */
export function blocksByQuery(unit: number, n = 2): Selection {
  return {
    kind: "selection",
    name: "best",
    heads: "query",
    rows: { unit: 1 },
    columns: { kind: "keys", unit },
    score: { kind: "number", value: 0, axes: { heads: "one", dim: false } },
    keep: { rule: { kind: "top", n: m.int(n) }, scope: "row" },
  };
}

/** The module with that selection. */
export const choosing = (module: MaskModule, unit: number): MaskModule => ({ ...module, selections: [blocksByQuery(unit)] });
