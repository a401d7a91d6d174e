import type { BoolExpr, IntExpr } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { keyOf, mapLeaves, some } from "../mask/walk.js";

/** How a value changes while `q` grows and `k` stays. */
type Direction = "same" | "up" | "down" | "unknown";

/**
 * Whether a pair with `k <= q` that is looked at is also looked at from every query between `k` and `q`: once a key is dropped
 * it stays so. A proof for every length; false where none is found.
 */
export function dropsForGood(mask: BoolExpr): boolean {
  return falls(mask);
}

const mentionsQuery = (e: BoolExpr | IntExpr): boolean => some(e, (node) => node.kind === "var" && node.name === "q");

/** True if the condition, among pairs with `k <= q`, never becomes true while `q` grows. */
function falls(e: BoolExpr): boolean {
  if (!mentionsQuery(e)) return true;
  switch (e.kind) {
    case "and":
    case "or":
      return e.items.every((item) => isCausal(item) || falls(item));
    case "not":
      return rises(e.a);
    case "choose":
      return !mentionsQuery(e.cond) && falls(e.a) && falls(e.b);
    case "compare":
      return isCausal(e) || comparisonFalls(e);
    default:
      return false;
  }
}

/** True if the condition never becomes false while `q` grows. */
function rises(e: BoolExpr): boolean {
  if (!mentionsQuery(e)) return true;
  switch (e.kind) {
    case "and":
    case "or":
      return e.items.every(rises);
    case "not":
      return falls(e.a);
    case "choose":
      return !mentionsQuery(e.cond) && rises(e.a) && rises(e.b);
    case "compare":
      if (e.op === "ne") return comparisonFalls({ ...e, op: "eq" });
      return e.op !== "eq" && comparisonFalls({ kind: "compare", op: e.op === "lt" ? "le" : "lt", a: e.b, b: e.a });
    default:
      return false;
  }
}

/** `k <= q`, which holds for all pairs in question. */
const isCausal = (e: BoolExpr): boolean => e.kind === "compare" && e.op === "le" && isVariable(e.a, "k") && isVariable(e.b, "q");

const isVariable = (e: IntExpr, name: "q" | "k"): boolean => e.kind === "var" && e.name === name;

function comparisonFalls({ op, a, b }: Extract<BoolExpr, { readonly kind: "compare" }>): boolean {
  const [x, y] = [directionOf(a), directionOf(b)];
  const grows = (x === "up" || x === "same") && (y === "down" || y === "same");
  if (op === "lt" || op === "le") return grows;
  if (op !== "eq") return false;
  // Of two sides that never cross, equality is an inequality: a block of the query and the same block of the key.
  return (grows && neverLess(a, b)) || ((y === "up" || y === "same") && (x === "down" || x === "same") && neverLess(b, a));
}

/** `a >= b` wherever `k <= q`, as `b` is `a` at the place of the key, or a difference of such is compared with 0. */
function neverLess(a: IntExpr, b: IntExpr): boolean {
  if (b.kind === "int" && b.value <= 0) return nonNegative(a);
  return isAtKey(a, b);
}

function nonNegative(e: IntExpr): boolean {
  return e.kind === "sub" && isAtKey(e.a, e.b);
}

/** `b` is what `a` is for the key in the place of the query, and `a` never falls. */
function isAtKey(a: IntExpr, b: IntExpr): boolean {
  if (some(a, (node) => node.kind === "var" && node.name === "k") || directionOf(a) !== "up") return false;
  const atKey = mapLeaves(a, (leaf) => (isVariable(leaf, "q") ? m.k : leaf));
  return keyOf(atKey) === keyOf(b);
}

const OPPOSITE: Readonly<Record<Direction, Direction>> = { same: "same", up: "down", down: "up", unknown: "unknown" };

function directionOf(e: IntExpr): Direction {
  if (!mentionsQuery(e)) return "same";
  switch (e.kind) {
    case "var":
      return "up";
    case "neg":
      return OPPOSITE[directionOf(e.a)];
    case "abs":
      return nonNegative(e.a) ? directionOf(e.a) : "unknown";
    case "add":
    case "min":
    case "max":
      return together(directionOf(e.a), directionOf(e.b));
    case "sub":
      return together(directionOf(e.a), OPPOSITE[directionOf(e.b)]);
    case "mul": {
      const [value, factor] = e.a.kind === "int" ? [e.b, e.a] : [e.a, e.b];
      if (factor.kind !== "int") return "unknown";
      return factor.value >= 0 ? directionOf(value) : OPPOSITE[directionOf(value)];
    }
    case "div":
      return e.b.kind === "int" && e.b.value > 0 ? directionOf(e.a) : "unknown";
    default:
      return "unknown";
  }
}

function together(x: Direction, y: Direction): Direction {
  if (x === "same") return y;
  return y === "same" || x === y ? x : "unknown";
}
