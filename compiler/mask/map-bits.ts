import type { BoolExpr, IntExpr } from "./ir.js";

type Bit = Extract<BoolExpr, { readonly kind: "bit" }>;

/** A mask with each bit of an input or selection replaced. Bits that stand in conditions of integers are among them. */
export function mapBits(expr: BoolExpr, change: (bit: Bit) => BoolExpr): BoolExpr {
  const bool = (e: BoolExpr): BoolExpr => mapBits(e, change);
  const int = (e: IntExpr): IntExpr => mapBitsOfInt(e, change);
  switch (expr.kind) {
    case "bool":
      return expr;
    case "compare":
      return { ...expr, a: int(expr.a), b: int(expr.b) };
    case "and":
    case "or":
      return { ...expr, items: expr.items.map(bool) };
    case "not":
      return { ...expr, a: bool(expr.a) };
    case "choose":
      return { ...expr, cond: bool(expr.cond), a: bool(expr.a), b: bool(expr.b) };
    case "pow2":
      return { ...expr, a: int(expr.a) };
    case "bit":
      return change({ ...expr, row: int(expr.row), col: int(expr.col) });
  }
}

function mapBitsOfInt(expr: IntExpr, change: (bit: Bit) => BoolExpr): IntExpr {
  const int = (e: IntExpr): IntExpr => mapBitsOfInt(e, change);
  switch (expr.kind) {
    case "int":
    case "var":
    case "param":
    case "scalar":
      return expr;
    case "neg":
    case "abs":
      return { ...expr, a: int(expr.a) };
    case "select":
      return { ...expr, cond: mapBits(expr.cond, change), a: int(expr.a), b: int(expr.b) };
    case "load":
      return { ...expr, index: int(expr.index) };
    default:
      return { ...expr, a: int(expr.a), b: int(expr.b) };
  }
}
