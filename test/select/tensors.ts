import type { PoolOp, SelectionHeads, Tensor, TensorAxes, TensorBinary, TensorUnary } from "../../compiler/mask/selection.js";

/** Short constructors for tensors of the selection IR: each computes its axes from those of its operands. */

const bare: TensorAxes = { heads: "one", dim: false };
const more: Readonly<Record<SelectionHeads, number>> = { one: 0, kv: 1, query: 2 };

function joined(...all: readonly TensorAxes[]): TensorAxes {
  const [first, ...rest] = all;
  return rest.reduce(
    (a, b) => ({
      heads: more[a.heads] >= more[b.heads] ? a.heads : b.heads,
      rows: a.rows ?? b.rows,
      columns: a.columns ?? b.columns,
      dim: a.dim || b.dim,
    }),
    first!,
  );
}

export const number = (value: number): Tensor => ({ kind: "number", value, axes: bare });
export const scale: Tensor = { kind: "scale", axes: bare };
export const scalar = (slot: number): Tensor => ({ kind: "scalar", slot, axes: { heads: "query", dim: false } });
export const queries = (last?: number): Tensor => ({
  kind: "view",
  of: "q",
  axes: { heads: "query", rows: { unit: 1, last }, dim: true },
});
export const keys: Tensor = { kind: "view", of: "k", axes: { heads: "kv", columns: { kind: "keys", unit: 1, stride: 1 }, dim: true } };
export const scores = (name: string, n: number, m: number): Tensor => ({
  kind: "input",
  name,
  axes: { heads: "query", rows: { unit: n }, columns: { kind: "keys", unit: m, stride: m }, dim: false },
});
export const channels = (name: string): Tensor => ({ kind: "input", name, axes: { heads: "query", dim: true } });
export const weights = (name: string, axis: "q" | "k"): Tensor => ({
  kind: "input",
  name,
  axes: {
    heads: "query",
    ...(axis === "q" ? { rows: { unit: 1 } } : { columns: { kind: "keys", unit: 1, stride: 1 } }),
    dim: false,
  },
});
export const pooled = (name: string, n: number, stride: number): Tensor => ({
  kind: "input",
  name,
  axes: { heads: "query", columns: { kind: "keys", unit: n, stride }, dim: true },
});
export const unary = (kind: TensorUnary, a: Tensor): Tensor => ({ kind, a, axes: a.axes });
export const binary = (kind: TensorBinary, a: Tensor, b: Tensor): Tensor => ({ kind, a, b, axes: joined(a.axes, b.axes) });
export const choose = (cond: Tensor, a: Tensor, b: Tensor): Tensor => ({
  kind: "choose",
  cond,
  a,
  b,
  axes: joined(cond.axes, a.axes, b.axes),
});
export const rowPosition = (unit: number, end: "first" | "last"): Tensor => ({
  kind: "position",
  end,
  axes: { heads: "one", rows: { unit }, dim: false },
});
export const keyPosition = (unit: number, stride: number, end: "first" | "last"): Tensor => ({
  kind: "position",
  end,
  axes: { heads: "one", columns: { kind: "keys", unit, stride }, dim: false },
});
export const keySize = (unit: number, stride = unit): Tensor => ({
  kind: "size",
  axes: { heads: "one", columns: { kind: "keys", unit, stride }, dim: false },
});
export const poolRows = (op: PoolOp, a: Tensor, unit: number): Tensor => ({
  kind: "pool",
  op,
  over: "rows",
  a,
  axes: { ...a.axes, rows: { unit } },
});
export const poolColumns = (op: PoolOp, a: Tensor, unit: number, stride = unit): Tensor => ({
  kind: "pool",
  op,
  over: "columns",
  a,
  axes: { ...a.axes, columns: a.axes.columns!.kind === "keys" ? { kind: "keys", unit, stride } : { kind: "offsets", unit } },
});
export const dot = (a: Tensor, b: Tensor): Tensor => ({ kind: "dot", a, b, axes: { ...joined(a.axes, b.axes), dim: false } });
export const softmax = (a: Tensor, where?: Tensor): Tensor => ({
  kind: "softmax",
  a,
  ...(where === undefined ? {} : { where }),
  axes: a.axes,
});
export function reduce(op: "sum" | "mean" | "min" | "max", over: "rows" | "columns" | "dim", a: Tensor): Tensor {
  const axes: TensorAxes = {
    heads: a.axes.heads,
    rows: over === "rows" ? undefined : a.axes.rows,
    columns: over === "columns" ? undefined : a.axes.columns,
    dim: over !== "dim" && a.axes.dim,
  };
  return { kind: "reduce", op, over, a, axes };
}
export const overHeads = (op: "sum" | "mean" | "min" | "max", a: Tensor, heads: "kv" | "one"): Tensor => ({
  kind: "heads",
  op,
  a,
  axes: { ...a.axes, heads },
});
export const diagonals = (op: "sum" | "mean", a: Tensor, unit: number): Tensor => ({
  kind: "diagonals",
  op,
  a,
  axes: { heads: a.axes.heads, columns: { kind: "offsets", unit }, dim: false },
});
export const smooth = (op: "mean" | "max", size: number, a: Tensor): Tensor => ({ kind: "smooth", op, size, a, axes: a.axes });
export const fold = (weights: readonly number[], lead: number, unit: number, a: Tensor): Tensor => ({
  kind: "fold",
  weights,
  lead,
  a,
  axes: { ...a.axes, columns: { kind: "keys", unit, stride: unit } },
});
