import type { Cond, Int, Real, RealBinary } from "./ir.js";

/** Short constructors for numbers of selection programs. */

export const number = (value: number): Real => ({ kind: "number", value });
export const float = (a: Int): Real => (a.kind === "int" ? number(a.value) : { kind: "float", a });
export const binary = (kind: RealBinary, a: Real, b: Real): Real => ({ kind, a, b });
export const choose = (cond: Cond, a: Real, b: Real): Real =>
  cond.kind === "bool" ? (cond.value ? a : b) : { kind: "choose", cond, a, b };
export const loop = (op: "sum" | "min" | "max", name: string, from: Int, to: Int, body: Real, where?: Cond): Real => ({
  kind: "loop",
  op,
  name,
  from,
  to,
  body,
  ...(where === undefined || where.kind === "bool" ? {} : { where }),
});
