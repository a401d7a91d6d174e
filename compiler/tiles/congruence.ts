import type { BoolExpr, IntExpr } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { simplifyInt } from "../mask/simplify.js";

type Compare = Extract<BoolExpr, { readonly kind: "compare" }>;

/**
 * An equality of two remainders as a congruence, `x % m == y % m` as `(x - y) % m == 0`: over a tile
 * that crosses a border of both periods the remainders take all values, the difference does not.
 * Anything else, and a difference that may leave 32 bits, stays as it is.
 */
export function asCongruence(e: Compare, fits: (e: IntExpr) => boolean): Compare {
  const [a, b] = [blockInPeriod(e.a), blockInPeriod(e.b)];
  if (a.kind !== "mod" || b.kind !== "mod" || a.b.kind !== "int" || b.b.kind !== "int" || a.b.value !== b.b.value) return e;
  const difference = simplifyInt(m.sub(a.a, b.a));
  return fits(difference) ? { ...e, a: m.mod(difference, a.b), b: m.int(0) } : e;
}

/** `x % m / d` with d a divisor of m, as the remainder `x / d % (m / d)`. */
function blockInPeriod(e: IntExpr): IntExpr {
  if (e.kind !== "div" || e.b.kind !== "int" || e.a.kind !== "mod" || e.a.b.kind !== "int") return e;
  const [period, block] = [e.a.b.value, e.b.value];
  return period % block === 0 ? simplifyInt(m.mod(m.div(e.a.a, e.b), m.int(period / block))) : e;
}
