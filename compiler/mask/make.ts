import type { BoolExpr, CompareOp, IntBinary, IntExpr, Variable } from "./ir.js";

/** Short constructors for mask expressions. They build what they say; nothing is folded here (see simplify). */

export const int = (value: number): IntExpr => ({ kind: "int", value });
export const variable = (name: Variable): IntExpr => ({ kind: "var", name });
export const param = (name: string): IntExpr => ({ kind: "param", name });
export const scalar = (slot: number): IntExpr => ({ kind: "scalar", slot });
export const load = (input: string, index: IntExpr): IntExpr => ({ kind: "load", input, index });
/** Of an input with an axis of heads. */
export const loadByHead = (input: string, index: IntExpr): IntExpr => ({ kind: "load", input, index, byHead: true });
export const neg = (a: IntExpr): IntExpr => ({ kind: "neg", a });
export const abs = (a: IntExpr): IntExpr => ({ kind: "abs", a });
export const binary = (kind: IntBinary, a: IntExpr, b: IntExpr): IntExpr => ({ kind, a, b });
export const add = (a: IntExpr, b: IntExpr): IntExpr => binary("add", a, b);
export const sub = (a: IntExpr, b: IntExpr): IntExpr => binary("sub", a, b);
export const mul = (a: IntExpr, b: IntExpr): IntExpr => binary("mul", a, b);
export const div = (a: IntExpr, b: IntExpr): IntExpr => binary("div", a, b);
export const mod = (a: IntExpr, b: IntExpr): IntExpr => binary("mod", a, b);
export const min = (a: IntExpr, b: IntExpr): IntExpr => binary("min", a, b);
export const max = (a: IntExpr, b: IntExpr): IntExpr => binary("max", a, b);
export const select = (cond: BoolExpr, a: IntExpr, b: IntExpr): IntExpr => ({ kind: "select", cond, a, b });

export const bool = (value: boolean): BoolExpr => ({ kind: "bool", value });
export const compare = (op: CompareOp, a: IntExpr, b: IntExpr): BoolExpr => ({ kind: "compare", op, a, b });
export const lt = (a: IntExpr, b: IntExpr): BoolExpr => compare("lt", a, b);
export const le = (a: IntExpr, b: IntExpr): BoolExpr => compare("le", a, b);
export const eq = (a: IntExpr, b: IntExpr): BoolExpr => compare("eq", a, b);
export const ne = (a: IntExpr, b: IntExpr): BoolExpr => compare("ne", a, b);
export const and = (...items: BoolExpr[]): BoolExpr => ({ kind: "and", items });
export const or = (...items: BoolExpr[]): BoolExpr => ({ kind: "or", items });
export const not = (a: BoolExpr): BoolExpr => ({ kind: "not", a });
export const choose = (cond: BoolExpr, a: BoolExpr, b: BoolExpr): BoolExpr => ({ kind: "choose", cond, a, b });
export const pow2 = (a: IntExpr): BoolExpr => ({ kind: "pow2", a });
export const bit = (input: string, row: IntExpr, col: IntExpr): BoolExpr => ({ kind: "bit", input, row, col });

export const q = variable("q");
export const k = variable("k");
