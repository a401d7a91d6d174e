import type { InputModel } from "../../semantics/model.js";
import type { BoolExpr, Input, IntExpr, Space } from "../ir.js";
import * as m from "../make.js";

/** Whether the pair at hand, or at the row and column written, is in an input. See {@link Input} for how each is addressed. */
export function bitAt(
  input: InputModel,
  sizes: readonly number[],
  at: { readonly row: IntExpr; readonly column: IntExpr } | undefined,
  space: Space,
): BoolExpr {
  const { name } = input;
  const q = at?.row ?? m.q;
  const k = at?.column ?? m.k;
  switch (input.kind) {
    case "bits":
      // Its rows are the queries of the call; those of a self space are the last NQ positions.
      return m.bit(name, space.kind === "self" ? m.sub(q, m.sub(m.variable("N"), m.variable("NQ"))) : q, k);
    case "blocks":
    case "csr":
      return m.bit(name, m.div(q, m.int(sizes[0]!)), m.div(k, m.int(sizes[1]!)));
    case "columns":
      return m.bit(name, m.int(0), k);
    case "diagonals":
      return m.bit(name, m.int(0), m.add(m.sub(q, k), m.sub(m.variable("N"), m.int(1))));
    case "ids":
      throw new Error("ids are not bits");
  }
}

/** The input as the IR declares it. */
export function inputOf(input: InputModel, sizes: readonly number[]): Input {
  const { name, kind } = input;
  switch (kind) {
    case "ids":
      return { kind, name, axis: input.axis };
    case "bits":
      return { kind, name, rows: "q", columns: "k" };
    case "blocks":
    case "csr":
      return { kind, name, n: sizes[0]!, m: sizes[1]! };
    default:
      return { kind, name };
  }
}
