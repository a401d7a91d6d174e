import type { BoolExpr, IntExpr } from "../mask/ir.js";
import { mapChildren } from "../mask/walk.js";

/** Greatest positions that are possible where an expression stands; they are never negative. */
interface Most {
  readonly q: number;
  readonly k: number;
}

/**
 * Leaves out remainders that change nothing: in `k < 576 & k / 24 % 24 == q / 24`, and in its like with
 * `|`, a row of the grid counts only in front of the text behind it, where `k / 24` is less than 24.
 * What is left solves for `k`.
 */
export function withoutIdlePeriods(e: BoolExpr, most: Most = { q: Infinity, k: Infinity }): BoolExpr {
  switch (e.kind) {
    case "and":
    case "or": {
      // An item matters where the others leave the question open: those of `and` hold there, those of `or` do not.
      const around = e.items.reduce((known, item) => bounded(item, e.kind === "and", known), most);
      return { ...e, items: e.items.map((item) => withoutIdlePeriods(item, isBound(item) ? most : around)) };
    }
    case "choose":
      return {
        kind: "choose",
        cond: withoutIdlePeriods(e.cond, most),
        a: withoutIdlePeriods(e.a, bounded(e.cond, true, most)),
        b: withoutIdlePeriods(e.b, bounded(e.cond, false, most)),
      };
    default:
      return mapChildren(
        e,
        (a) => inInt(a, most),
        (a) => withoutIdlePeriods(a, most),
      );
  }
}

/** `x < c`, or `c <= x`, for a position x. */
function isBound(e: BoolExpr): e is Extract<BoolExpr, { readonly kind: "compare" }> {
  return e.kind === "compare" && (e.op === "lt" || e.op === "le") && (isPosition(e.a) || isPosition(e.b));
}

const isPosition = (e: IntExpr): boolean => e.kind === "var" && (e.name === "q" || e.name === "k");

/** What is known of the positions besides where `e` is `truth`. */
function bounded(e: BoolExpr, truth: boolean, most: Most): Most {
  if (!isBound(e)) return most;
  // `x < c` that holds, or `c <= x` that does not; and the same with the other operator.
  const [x, c] = truth ? [e.a, e.b] : [e.b, e.a];
  if (x.kind !== "var" || (x.name !== "q" && x.name !== "k") || c.kind !== "int") return most;
  const strict = (e.op === "lt") === truth;
  return { ...most, [x.name]: Math.min(most[x.name], strict ? c.value - 1 : c.value) };
}

function inInt(e: IntExpr, most: Most): IntExpr {
  const mapped = mapChildren(
    e,
    (a) => inInt(a, most),
    (a) => withoutIdlePeriods(a, most),
  );
  return mapped.kind === "mod" && mapped.b.kind === "int" && greatest(mapped.a, most) < mapped.b.value ? mapped.a : mapped;
}

/** The greatest value of an expression that is never negative; infinite for any other. */
function greatest(e: IntExpr, most: Most): number {
  if (e.kind === "int" && e.value >= 0) return e.value;
  if (e.kind === "var" && (e.name === "q" || e.name === "k")) return most[e.name];
  if (e.kind === "div" && e.b.kind === "int") return Math.floor(greatest(e.a, most) / e.b.value);
  if (e.kind === "mod" && e.b.kind === "int")
    return greatest(e.a, most) < Infinity ? Math.min(greatest(e.a, most), e.b.value - 1) : Infinity;
  return Infinity;
}
