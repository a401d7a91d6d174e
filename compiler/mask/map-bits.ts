import type { BoolExpr, IntExpr } from "./ir.js";
import { mapChildren } from "./walk.js";

type Bit = Extract<BoolExpr, { readonly kind: "bit" }>;

/** A mask with each bit of an input or selection replaced. Bits that stand in conditions of integers are among them. */
export function mapBits(expr: BoolExpr, change: (bit: Bit) => BoolExpr): BoolExpr {
  const int = (e: IntExpr): IntExpr => mapChildren(e, int, bool);
  const bool = (e: BoolExpr): BoolExpr => {
    const mapped = mapChildren(e, int, bool);
    return mapped.kind === "bit" ? change(mapped) : mapped;
  };
  return bool(expr);
}
