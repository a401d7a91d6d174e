import { withArticle } from "./scope.js";

/**
 * The types of expressions. An integer has a unit: what it counts. Units stop comparisons that cannot
 * be meant, a head with a position for example, and vanish in products, quotients stay what they were.
 */
export type Type =
  | { readonly kind: "bool" }
  | { readonly kind: "int"; readonly unit: Unit }
  | { readonly kind: "float" }
  | { readonly kind: "phase" }
  /** An expression that has been reported; it fits everywhere, so that one mistake gives one message. */
  | { readonly kind: "error" };

export type Unit =
  | "number"
  | "query position"
  | "key position"
  | "offset"
  | "coordinate"
  | "id"
  | "query head"
  | "kv head"
  | "layer"
  | "step"
  | "batch entry";

export const bool: Type = { kind: "bool" };
export const float: Type = { kind: "float" };
export const phase: Type = { kind: "phase" };
export const error: Type = { kind: "error" };
export const integer = (unit: Unit = "number"): Type => ({ kind: "int", unit });

export function isNumber(type: Type): boolean {
  return type.kind === "int" || type.kind === "float" || type.kind === "error";
}

/** For messages: `a boolean`, `a query position`. */
export function describe(type: Type): string {
  switch (type.kind) {
    case "bool":
      return "a boolean";
    case "float":
      return "a float";
    case "phase":
      return "a phase";
    case "error":
      return "an unknown value";
    case "int":
      return describeUnit(type.unit);
  }
}

export function describeUnit(unit: Unit): string {
  if (unit === "number") return "an integer";
  return withArticle(unit);
}

/** Positions in the sequence and everything measured along it; ids are told by the caller and may stand for positions. */
const positional: ReadonlySet<Unit> = new Set<Unit>(["query position", "key position", "offset", "coordinate", "id"]);

export function isPositional(unit: Unit): boolean {
  return positional.has(unit);
}

/** Whether values of two units may be compared: one is a plain number, or both count the same thing. */
export function comparable(a: Unit, b: Unit): boolean {
  return a === b || a === "number" || b === "number" || (isPositional(a) && isPositional(b));
}

/** The unit of `a - b`. */
export function unitOfDifference(a: Unit, b: Unit): Unit {
  if (b === "number") return a;
  if (isPositional(a) && isPositional(b)) return b === "offset" ? a : "offset";
  return "number";
}

/** The unit of `a + b`. */
export function unitOfSum(a: Unit, b: Unit): Unit {
  if (b === "number") return a;
  if (a === "number") return b;
  if (b === "offset" && isPositional(a)) return a;
  if (a === "offset" && isPositional(b)) return b;
  return "number";
}

/** The unit that two alternatives share, as in `min(a, b)` or `a if c else b`. */
export function commonUnit(a: Unit, b: Unit): Unit {
  if (a === b || b === "number") return a;
  return a === "number" ? b : "number";
}
