import type { BoolExpr, IntExpr } from "./ir.js";
import { mapChildren } from "./walk.js";

type Load = Extract<IntExpr, { readonly kind: "load" }>;
type Bit = Extract<BoolExpr, { readonly kind: "bit" }>;

/**
 * A mask with each bit of an input or selection replaced, and each load of ids where that is asked for. Bits that stand in
 * conditions of integers are among them.
 */
export function mapBits(expr: BoolExpr, change: (bit: Bit) => BoolExpr, changeLoad: (load: Load) => IntExpr = (load) => load): BoolExpr {
  const int = (e: IntExpr): IntExpr => {
    const mapped = mapChildren(e, int, bool);
    return mapped.kind === "load" ? changeLoad(mapped) : mapped;
  };
  const bool = (e: BoolExpr): BoolExpr => {
    const mapped = mapChildren(e, int, bool);
    return mapped.kind === "bit" ? change(mapped) : mapped;
  };
  return bool(expr);
}
