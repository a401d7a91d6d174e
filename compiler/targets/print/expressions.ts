import type { BoolExpr, IntExpr } from "../../mask/ir.js";
import { children } from "../../mask/walk.js";
import type { Dialect } from "./dialect.js";
import { scalarWord, uniformName } from "./names.js";

/**
 * Mask expressions where `q`, `k`, `h`, `kvh` and `b` are names in scope. Integers have 32 bits; floor
 * division and remainder go through helpers unless the divisor is a power of two.
 */
export function printInt(e: IntExpr, dialect: Dialect): string {
  const known = dialect.named?.get(e);
  if (known !== undefined) return known;
  const int = (x: IntExpr): string => printInt(x, dialect);
  switch (e.kind) {
    case "int":
      return intLiteral(e.value);
    case "var":
      return pairVariables.has(e.name) ? e.name : `u.${uniformName(e.name)}`;
    case "param":
      return `u.${uniformName(e.name, "param")}`;
    case "scalar":
      return scalarWord(e.slot);
    case "neg":
      return `-(${int(e.a)})`;
    case "abs":
      return `abs(${int(e.a)})`;
    case "select":
      return dialect.select(printBool(e.cond, dialect), int(e.a), int(e.b));
    case "load":
      return `id_${e.input}(b, ${e.byHead === true ? "h, " : ""}${int(e.index)})`;
    default:
      return binary(e.kind, int(e.a), int(e.b), e.b.kind === "int" ? e.b.value : undefined);
  }
}

const pairVariables: ReadonlySet<string> = new Set(["q", "k", "h", "kvh", "b"]);

export function printBool(e: BoolExpr, dialect: Dialect): string {
  const known = dialect.named?.get(e);
  if (known !== undefined) return known;
  const int = (x: IntExpr): string => printInt(x, dialect);
  const bool = (x: BoolExpr): string => printBool(x, dialect);
  switch (e.kind) {
    case "bool":
      return String(e.value);
    case "compare":
      return `(${int(e.a)} ${comparison[e.op]} ${int(e.b)})`;
    case "and":
      return `(${e.items.map(bool).join(" && ")})`;
    case "or":
      return `(${e.items.map(bool).join(" || ")})`;
    case "not":
      return `!${parenthesized(bool(e.a))}`;
    case "choose":
      return dialect.select(bool(e.cond), bool(e.a), bool(e.b));
    case "pow2":
      return `is_pow2(${int(e.a)})`;
    case "bit":
      return `bit_${e.input}(b, h, ${int(e.row)}, ${int(e.col)})`;
  }
}

export const comparison = { lt: "<", le: "<=", eq: "==", ne: "!=" } as const;

const parenthesized = (text: string): string => (text.startsWith("(") || /^\w+(\(|$)/.test(text) ? text : `(${text})`);

/** The least int32 has no literal of its own: its digits alone are out of range. */
export function intLiteral(value: number): string {
  if (value === -2147483648) return "(-2147483647 - 1)";
  return value < 0 ? `(${value})` : String(value);
}

/** One integer operation; `constant` is the right operand where it is known. */
export function binary(
  kind: "add" | "sub" | "mul" | "div" | "mod" | "min" | "max",
  a: string,
  b: string,
  constant: number | undefined,
): string {
  const shift = constant !== undefined && constant > 0 && (constant & (constant - 1)) === 0 ? Math.log2(constant) : undefined;
  switch (kind) {
    case "add":
      return `(${a} + ${b})`;
    case "sub":
      return `(${a} - ${b})`;
    case "mul":
      return `(${a} * ${b})`;
    // Arithmetic shift and mask are floor division and remainder for negative numbers too.
    case "div":
      return shift === undefined ? `floor_div(${a}, ${b})` : shift === 0 ? a : `(${a} >> ${shift}u)`;
    case "mod":
      return shift === undefined ? `floor_mod(${a}, ${b})` : `(${a} & ${constant! - 1})`;
    case "min":
    case "max":
      return `${kind}(${a}, ${b})`;
  }
}

/** Whether a mask mentions a variable: parameters it does not need are not passed. */
export function usesVariable(e: IntExpr | BoolExpr, name: string): boolean {
  return (e.kind === "var" && e.name === name) || children(e).some((child) => usesVariable(child, name));
}
