import { compareInts, evaluateInt, evaluateScalars, idsRow, inputHead, intBinary } from "./evaluate.js";
import type { BitsValue, IdsValue, MaskEnv, PairEnv } from "./evaluate.js";
import type { BoolExpr, CompareOp, IntBinary, IntExpr, MaskModule } from "./ir.js";
import { withLayout } from "./layout/placed.js";
import { remembered } from "./one-sided.js";

/** Whether the query at position `q` looks at the key at position `k`. */
export type Looks = (q: number, k: number) => boolean;

type Int = (q: number, k: number) => number;

/**
 * As `headEvaluator`, many times faster: the mask of one batch entry and head as closures, in which what is the same
 * for all pairs is computed beforehand.
 */
export function compileMask(module: MaskModule, env: MaskEnv, b: number, h: number): Looks {
  return compileBool(module.mask, { env: withLayout(module, env), scalars: evaluateScalars(module, env, h), b, h });
}

/** What stays the same for all pairs that a compiled mask is asked for. */
type Fixed = Omit<PairEnv, "q" | "k">;

/** As `evaluateBool`. What the environment lacks is an error when it is asked for. */
function compileBool(expr: BoolExpr, at: Fixed): Looks {
  const built = bool(expr, at);
  return typeof built === "boolean" ? () => built : built;
}

function bool(expr: BoolExpr, at: Fixed): Looks | boolean {
  switch (expr.kind) {
    case "bool":
      return expr.value;
    case "compare":
      return comparison(expr.op, operand(expr.a, expr, at), operand(expr.b, expr, at));
    case "and":
    case "or":
      return junction(expr, at);
    case "not": {
      const a = bool(expr.a, at);
      return typeof a === "boolean" ? !a : (q, k) => !a(q, k);
    }
    case "choose": {
      const cond = condition(expr.cond, expr, at);
      if (typeof cond === "boolean") return bool(cond ? expr.a : expr.b, at);
      const [a, b] = [compileBool(expr.a, at), compileBool(expr.b, at)];
      return (q, k) => (cond(q, k) ? a(q, k) : b(q, k));
    }
    case "pow2": {
      const a = int(expr.a, at);
      if (typeof a === "number") return isPower(a);
      return (q, k) => isPower(a(q, k));
    }
    case "bit":
      return bit(expr, at);
  }
}

const isPower = (a: number): boolean => a > 0 && (a & (a - 1)) === 0;

/** All items (`and`) or one of them (`or`), in their order. */
function junction(expr: Extract<BoolExpr, { readonly kind: "and" | "or" }>, at: Fixed): Looks | boolean {
  const all = expr.kind === "and";
  const open: Looks[] = [];
  for (const item of expr.items) {
    const built = condition(item, expr, at);
    if (typeof built !== "boolean") open.push(built);
    else if (built !== all) return built;
  }
  const [first, second] = open;
  if (!first) return all;
  if (!second) return first;
  if (open.length === 2) return all ? (q, k) => first(q, k) && second(q, k) : (q, k) => first(q, k) || second(q, k);
  return (q, k) => {
    for (const item of open) if (item(q, k) !== all) return !all;
    return all;
  };
}

function comparison(op: CompareOp, a: Int | number, b: Int | number): Looks | boolean {
  if (typeof a === "number" && typeof b === "number") return compareInts(op, a, b);
  if (typeof b === "number") return comparisonWith(op, a as Int, b);
  const left = closure(a);
  switch (op) {
    case "lt":
      return (q, k) => left(q, k) < b(q, k);
    case "le":
      return (q, k) => left(q, k) <= b(q, k);
    case "eq":
      return (q, k) => left(q, k) === b(q, k);
    case "ne":
      return (q, k) => left(q, k) !== b(q, k);
  }
}

function comparisonWith(op: CompareOp, a: Int, b: number): Looks {
  switch (op) {
    case "lt":
      return (q, k) => a(q, k) < b;
    case "le":
      return (q, k) => a(q, k) <= b;
    case "eq":
      return (q, k) => a(q, k) === b;
    case "ne":
      return (q, k) => a(q, k) !== b;
  }
}

/** A part of an expression; see `remembered`. */
function operand(expr: IntExpr, whole: IntExpr | BoolExpr, at: Fixed): Int | number {
  const built = int(expr, at);
  return typeof built === "number" ? built : remembered(built, expr, whole);
}

function condition(expr: BoolExpr, whole: IntExpr | BoolExpr, at: Fixed): Looks | boolean {
  const built = bool(expr, at);
  return typeof built === "boolean" ? built : remembered(built, expr, whole);
}

const closure = (a: Int | number): Int => (typeof a === "number" ? () => a : a);

function int(expr: IntExpr, at: Fixed): Int | number {
  switch (expr.kind) {
    case "int":
      return expr.value;
    case "var":
      if (expr.name === "q") return (q) => q;
      if (expr.name === "k") return (_, k) => k;
      return given(expr, at);
    case "param":
    case "scalar":
      return given(expr, at);
    case "neg":
    case "abs": {
      const a = int(expr.a, at);
      const value = expr.kind === "neg" ? (x: number) => -x | 0 : (x: number) => Math.abs(x) | 0;
      return typeof a === "number" ? value(a) : (q, k) => value(a(q, k));
    }
    case "select": {
      const cond = condition(expr.cond, expr, at);
      if (typeof cond === "boolean") return int(cond ? expr.a : expr.b, at);
      const [a, b] = [closure(operand(expr.a, expr, at)), closure(operand(expr.b, expr, at))];
      return (q, k) => (cond(q, k) ? a(q, k) : b(q, k));
    }
    case "load":
      return load(expr, at);
    default:
      return binary(expr.kind, operand(expr.a, expr, at), operand(expr.b, expr, at));
  }
}

/** A value that the call fixes. One that it lacks throws only where a pair needs it, as in the evaluator. */
function given(expr: IntExpr, at: Fixed): Int | number {
  const value = (): number => evaluateInt(expr, { ...at, q: 0, k: 0 });
  try {
    return value();
  } catch {
    return value;
  }
}

function binary(kind: IntBinary, a: Int | number, b: Int | number): Int | number {
  const divides = kind === "div" || kind === "mod";
  if (typeof b === "number" && (!divides || b > 0)) {
    if (typeof a === "number") return intBinary(kind, a, b);
    return binaryWith(kind, a, b);
  }
  const [x, y] = [closure(a), closure(b)];
  switch (kind) {
    case "add":
      return (q, k) => (x(q, k) + y(q, k)) | 0;
    case "sub":
      return (q, k) => (x(q, k) - y(q, k)) | 0;
    default:
      return (q, k) => intBinary(kind, x(q, k), y(q, k));
  }
}

function binaryWith(kind: IntBinary, a: Int, b: number): Int {
  switch (kind) {
    case "add":
      return (q, k) => (a(q, k) + b) | 0;
    case "sub":
      return (q, k) => (a(q, k) - b) | 0;
    case "mul":
      return (q, k) => Math.imul(a(q, k), b);
    case "div":
      return (q, k) => Math.floor(a(q, k) / b) | 0;
    case "mod":
      return (q, k) => {
        const rest = a(q, k) % b;
        return rest < 0 ? rest + b : rest;
      };
    case "min":
      return (q, k) => Math.min(a(q, k), b);
    case "max":
      return (q, k) => Math.max(a(q, k), b);
  }
}

/** Ids past either end of an input read its first or last one. */
function load(expr: Extract<IntExpr, { readonly kind: "load" }>, at: Fixed): Int | number {
  const index = closure(int(expr.index, at));
  const input = at.env.inputs?.[expr.input];
  if (input?.kind !== "ids") return lacking(expr.input);
  const { data, length }: IdsValue = input;
  if (length === 0) return 0;
  const base = idsRow(input, at.env, at.b, at.h);
  return (q, k) => data[base + Math.max(0, Math.min(length - 1, index(q, k)))]!;
}

function bit(expr: Extract<BoolExpr, { readonly kind: "bit" }>, at: Fixed): Looks {
  const [row, col] = [closure(int(expr.row, at)), closure(int(expr.col, at))];
  const input = at.env.inputs?.[expr.input];
  if (input?.kind !== "bits") return lacking(expr.input);
  const { data, rows, columns, batch, heads }: BitsValue = input;
  const base = ((batch === 1 ? 0 : at.b) * heads + inputHead(heads, at.h, at.env.heads, at.env.kvHeads)) * rows;
  return (q, k) => {
    const [r, c] = [row(q, k), col(q, k)];
    return r >= 0 && r < rows && c >= 0 && c < columns && data[(base + r) * columns + c] !== 0;
  };
}

function lacking(input: string): () => never {
  return () => {
    throw new Error(`the mask environment lacks input ${input}`);
  };
}
