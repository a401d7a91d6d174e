import type { HostExpr, HostScalar } from "../mask/ir.js";
import { SCALAR_LIMIT } from "../mask/evaluate.js";
import { walkHost } from "../mask/walk.js";

/** A helper function that a printed expression calls. */
export type HostHelper = "scalar" | "lookUp" | "floorMod";

/** How the names that an expression mentions are called in the file it is printed for. */
export interface HostNames {
  /** The variable that holds the {@link ScalarEnv}. */
  readonly env: string;
  /** The constant that holds a table as `[row][column]`. */
  readonly table: (index: number) => string;
  readonly helper: (helper: HostHelper) => string;
}

/**
 * A host scalar as a JavaScript expression whose value is the int32 that the kernel gets, or the number that it gets as a
 * float32; computes exactly what `toScalar(evaluateHost(…))` does, or `evaluateHost(…)`. Parentheses are lavish: the
 * formatter drops them.
 */
export function printScalar(scalar: HostScalar, names: HostNames): string {
  const number = printNumber(scalar.expr, names);
  return scalar.as === "f32" ? number : `${names.helper("scalar")}(${number})`;
}

function printNumber(expr: HostExpr, names: HostNames): string {
  const number = (e: HostExpr): string => printNumber(e, names);
  switch (expr.kind) {
    case "number":
      return Object.is(expr.value, -0) ? "(-0)" : expr.value < 0 ? `(${expr.value})` : String(expr.value);
    case "var":
      return `${names.env}.${expr.name}`;
    case "param":
      return `${names.env}.params[${JSON.stringify(expr.name)}]!`;
    case "table":
      return `${names.helper("lookUp")}(${names.table(expr.table)}, ${number(expr.row)}, ${number(expr.column)})`;
    case "neg":
      return `(-${number(expr.a)})`;
    case "abs":
    case "log":
    case "exp":
    case "tanh":
    case "floor":
    case "ceil":
      return `Math.${expr.kind}(${number(expr.a)})`;
    case "add":
    case "sub":
    case "mul":
    case "divide":
      return `(${number(expr.a)} ${arithmetic[expr.kind]} ${number(expr.b)})`;
    case "floordiv":
      return `Math.floor(${number(expr.a)} / ${number(expr.b)})`;
    case "mod":
      return `${names.helper("floorMod")}(${number(expr.a)}, ${number(expr.b)})`;
    case "min":
    case "max":
      return `Math.${expr.kind}(${number(expr.a)}, ${number(expr.b)})`;
    case "select":
      return `(${printCondition(expr.cond, names)} ? ${number(expr.a)} : ${number(expr.b)})`;
    default:
      return `(${printCondition(expr, names)} ? 1 : 0)`;
  }
}

const arithmetic = { add: "+", sub: "-", mul: "*", divide: "/" } as const;
const comparison = { lt: "<", le: "<=", eq: "===", ne: "!==" } as const;

/** The expression as a condition: true where it is not 0. */
function printCondition(expr: HostExpr, names: HostNames): string {
  const condition = (e: HostExpr): string => printCondition(e, names);
  switch (expr.kind) {
    case "lt":
    case "le":
    case "eq":
    case "ne":
      return `(${printNumber(expr.a, names)} ${comparison[expr.kind]} ${printNumber(expr.b, names)})`;
    case "and":
      return `(${condition(expr.a)} && ${condition(expr.b)})`;
    case "or":
      return `(${condition(expr.a)} || ${condition(expr.b)})`;
    case "not":
      return `!${condition(expr.a)}`;
    case "number":
      return expr.value !== 0 ? "true" : "false";
    default:
      return `(${printNumber(expr, names)} !== 0)`;
  }
}

/** The helpers that printed scalars call. */
export function usedHelpers(scalars: readonly HostScalar[]): readonly HostHelper[] {
  const used = new Set<HostHelper>();
  for (const { expr, as } of scalars) {
    if (as !== "f32") used.add("scalar");
    walkHost(expr, (node) => {
      if (node.kind === "table") used.add("lookUp");
      if (node.kind === "mod") used.add("floorMod");
    });
  }
  return [...used];
}

/** A helper's TypeScript text under the name it is to have. */
export function printHelper(helper: HostHelper, name: string): string {
  switch (helper) {
    case "scalar":
      return `
/** A host value as the int32 that a kernel gets: rounded down and held where a position can still be added. */
function ${name}(value: number): number {
  return Number.isNaN(value) ? 0 : Math.max(-${SCALAR_LIMIT}, Math.min(${SCALAR_LIMIT}, Math.floor(value)));
}`;
    case "lookUp":
      return `
/** A cell of a table; indices past an edge read the edge. */
function ${name}(table: readonly (readonly number[])[], row: number, column: number): number {
  const cells = table[Math.max(0, Math.min(table.length - 1, Math.floor(row)))]!;
  return cells[Math.max(0, Math.min(cells.length - 1, Math.floor(column)))]!;
}`;
    case "floorMod":
      return `
/** The remainder of floor division: it has the sign of the divisor. */
function ${name}(a: number, b: number): number {
  return a - b * Math.floor(a / b);
}`;
  }
}
