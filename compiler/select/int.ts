import type { IntExpr } from "../mask/ir.js";
import type { Bits, Cond, Int, IntOp, Real, ShapeName } from "./ir.js";

/** Short constructors for integers and conditions of selection programs, with constants folded. */

export const int = (value: number): Int => ({ kind: "int", value });
export const shape = (name: ShapeName): Int => ({ kind: "shape", name });
export const named = (name: string): Extract<Int, { kind: "name" }> => ({ kind: "name", name });
export const tokenAt = (axis: "q" | "k", place: Int, order?: string, bits?: Bits): Int => ({ kind: "token", axis, place, order, bits });
export const idAt = (input: string, place: Int): Int => ({ kind: "id", input, place });
export const whole = (of: Real): Int => ({ kind: "whole", of });
export const ofMask = (expr: IntExpr): Int => (expr.kind === "int" ? int(expr.value) : { kind: "mask", expr });

export const ZERO = int(0);
export const ONE = int(1);

export function intOp(kind: IntOp, a: number, b: number): number {
  switch (kind) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b;
    case "div":
      return Math.floor(a / b);
    case "mod":
      return a % b;
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
  }
}

function op(kind: IntOp, a: Int, b: Int): Int {
  if (a.kind === "int" && b.kind === "int") return int(intOp(kind, a.value, b.value));
  const left = a.kind === "int" ? a.value : undefined;
  const right = b.kind === "int" ? b.value : undefined;
  if (kind === "add" && left === 0) return b;
  if ((kind === "add" || kind === "sub") && right === 0) return a;
  if (kind === "mul" && (left === 0 || right === 0)) return ZERO;
  if (kind === "mul" && left === 1) return b;
  if ((kind === "mul" || kind === "div") && right === 1) return a;
  if (kind === "mod" && right === 1) return ZERO;
  // Offsets of one sum are collected: positions are written as units times their size plus something.
  if ((kind === "add" || kind === "sub") && right !== undefined && (a.kind === "add" || a.kind === "sub") && a.b.kind === "int") {
    const offset = (a.kind === "add" ? a.b.value : -a.b.value) + (kind === "add" ? right : -right);
    return offset < 0 ? op("sub", a.a, int(-offset)) : op("add", a.a, int(offset));
  }
  if ((kind === "min" || kind === "max") && sameInt(a, b)) return a;
  if (kind === "sub" && sameInt(a, b)) return ZERO;
  return { kind, a, b };
}

export const add = (a: Int, b: Int): Int => op("add", a, b);
export const sub = (a: Int, b: Int): Int => op("sub", a, b);
export const mul = (a: Int, b: Int): Int => op("mul", a, b);
export const div = (a: Int, b: Int): Int => op("div", a, b);
export const mod = (a: Int, b: Int): Int => op("mod", a, b);
export const min = (a: Int, b: Int): Int => op("min", a, b);
export const max = (a: Int, b: Int): Int => op("max", a, b);
export const ceilDiv = (a: Int, b: Int): Int => div(add(a, sub(b, ONE)), b);
export const product = (...factors: Int[]): Int => factors.reduce(mul, ONE);

export const ALWAYS: Cond = { kind: "bool", value: true };
export const NEVER: Cond = { kind: "bool", value: false };

export const equal = (a: Int, b: Int): Cond => and(le(a, b), le(b, a));
export const lt = (a: Int, b: Int): Cond => ({ kind: "lt", a, b });
export const le = (a: Int, b: Int): Cond => ({ kind: "le", a, b });

export function and(...items: Cond[]): Cond {
  if (items.some((item) => item.kind === "bool" && !item.value)) return NEVER;
  const open = items.filter((item) => item.kind !== "bool");
  return open.length === 0 ? ALWAYS : open.length === 1 ? open[0]! : { kind: "and", items: open };
}

export function or(...items: Cond[]): Cond {
  if (items.some((item) => item.kind === "bool" && item.value)) return ALWAYS;
  const open = items.filter((item) => item.kind !== "bool");
  return open.length === 0 ? NEVER : open.length === 1 ? open[0]! : { kind: "or", items: open };
}

export function not(a: Cond): Cond {
  return a.kind === "bool" ? (a.value ? NEVER : ALWAYS) : { kind: "not", a };
}

/** A text that is equal for equal expressions. */
export function intKey(a: Int): string {
  switch (a.kind) {
    case "int":
      return String(a.value);
    case "shape":
    case "name":
      return a.name;
    case "mask":
      return JSON.stringify(a.expr);
    case "token":
      return `token(${a.axis},${intKey(a.place)})`;
    case "id":
      return `id(${a.input},${intKey(a.place)})`;
    case "whole":
      return `whole(${realKey(a.of)})`;
    default:
      return `${a.kind}(${intKey(a.a)},${intKey(a.b)})`;
  }
}

/** Tensors that are read as whole numbers have names of their own. */
function realKey(a: Real): string {
  if (a.kind !== "load") throw new Error("whole numbers are stored before they are read");
  const { head, row, column, dim } = a.at;
  return [a.from.name, ...[head, row, column, dim].map((each) => (each === undefined ? "" : intKey(each)))].join(";");
}

const sameInt = (a: Int, b: Int): boolean => a === b || intKey(a) === intKey(b);

/** Whether the launch alone decides it: then the host computes it once. */
export function isSize(a: Int): boolean {
  switch (a.kind) {
    case "int":
    case "shape":
      return true;
    case "name":
    case "mask":
    case "token":
    case "id":
    case "whole":
      return false;
    default:
      return isSize(a.a) && isSize(a.b);
  }
}
