import type { InputModel } from "../../semantics/model.js";
import type { BoolExpr, FloatInput, Input, IntExpr, Space } from "../ir.js";
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
    default:
      throw new Error(`${input.kind} are not bits`);
  }
}

/** Whether masks may read an input; the others are floats. */
export const isMaskInput = ({ kind }: InputModel): boolean =>
  ["ids", "order", "bits", "blocks", "columns", "diagonals", "csr"].includes(kind);

/** The input as the IR declares it. */
export function inputOf(input: InputModel, sizes: readonly number[]): Input {
  const { name, kind } = input;
  switch (kind) {
    case "ids":
      return { kind, name, axis: input.axis };
    case "order":
      return { kind: "ids", name, axis: input.axis, order: true };
    case "bits":
      return { kind, name, rows: "q", columns: "k" };
    case "blocks":
    case "csr":
      return { kind, name, n: sizes[0]!, m: sizes[1]! };
    case "columns":
    case "diagonals":
      return { kind, name };
    default:
      throw new Error(`no mask reads ${kind}`);
  }
}

/** Whether selections may read an input. */
export const isFloatInput = ({ kind }: InputModel): boolean => ["scores", "channels", "weights", "centroids", "pooled"].includes(kind);

/** An input of floats as the IR declares it. */
export function floatInputOf({ name, kind, axis }: InputModel, sizes: readonly number[]): FloatInput {
  switch (kind) {
    case "scores":
      return { kind, name, n: sizes[0]!, m: sizes[1]! };
    case "channels":
      return { kind, name };
    case "weights":
      return { kind, name, axis };
    case "centroids":
      return { kind, name, axis, n: sizes[0]! };
    case "pooled":
      return { kind, name, n: sizes[0]!, stride: sizes[1]! };
    default:
      throw new Error(`no selection reads ${kind}`);
  }
}
