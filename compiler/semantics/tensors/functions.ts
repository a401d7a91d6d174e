import type { CallExpr } from "../../syntax/ast.js";
import { checkConstantInt, checkExpr, expectConstant, hint } from "../expressions.js";
import { laterFunctions } from "../builtins.js";
import { report } from "../context.js";
import { describe, isNumber } from "../types.js";
import { argumentsOf, checkTensor, errorTensor, reportShape, type TensorContext } from "./check.js";
import { elementwise } from "./elements.js";
import type { Typed } from "../typed.js";
import type { TensorTyped } from "./model.js";
import { tensorFunctions } from "./names.js";
import { checkReduction } from "./reductions.js";
import { join } from "./shape.js";

const elementFunctions = ["abs", "exp", "log", "tanh", "sqrt"] as const;

/** A call that has a tensor among its arguments, or makes one. */
export function checkTensorCall(expr: CallExpr, at: TensorContext): TensorTyped {
  const { name } = expr.callee;
  const element = elementFunctions.find((each) => each === name);
  if (element !== undefined) return checkElementFunction(element, expr, at);
  switch (name) {
    case "mean":
    case "sum":
    case "min":
    case "max":
    case "first":
    case "last":
      return checkReduction(name, expr, at);
    case "dot":
      return checkDot(expr, at);
    case "dot4":
      return checkDot(expr, at, 4);
    case "low_bit":
      return checkLowBit(expr, at);
    case "softmax":
      return checkSoftmax(expr, at);
    case "avg_pool":
    case "max_pool":
      return checkSmooth(name === "avg_pool" ? "mean" : "max", expr, at);
    case "fold":
      return checkFold(expr, at);
    case "js_distance":
      return checkDistance(expr, at);
    case "size":
    case "start":
    case "end":
      return checkUnits(name, expr, at);
    default: {
      if (laterFunctions.has(name)) {
        report(at.context, "ATTN2201", expr.span, { what: `the function \`${name}\`` });
        return errorTensor(expr.span);
      }
      const known = [...tensorFunctions, ...elementFunctions, "min", "max", "first", "last"];
      report(at.context, "ATTN2005", expr.callee.span, { name }, hint(name, known));
      return errorTensor(expr.span);
    }
  }
}

function checkElementFunction(op: (typeof elementFunctions)[number], expr: CallExpr, at: TensorContext): TensorTyped {
  const matched = argumentsOf(expr, ["x"], [], at.context);
  if (matched === undefined) return errorTensor(expr.span);
  const a = checkTensor(matched.get("x")!, at);
  if (a.kind === "error") return a;
  if (a.shape.bool) return reportShape(`\`${op}\``, "numbers", a, at.context);
  return { kind: "unary", op, a, shape: a.shape, span: expr.span };
}

/** `low_bit(x, bits: 4)`: vectors as whole numbers of few bits, each vector with a step of its own. */
function checkLowBit(expr: CallExpr, at: TensorContext): TensorTyped {
  const matched = argumentsOf(expr, ["x", "bits"], [], at.context);
  if (matched === undefined) return errorTensor(expr.span);
  const a = checkTensor(matched.get("x")!, at);
  const bits = checkConstantInt(matched.get("bits")!, at.context, "`bits` of `low_bit`");
  if (a.kind === "error" || bits.type.kind === "error") return errorTensor(expr.span);
  return isVector(a, "low_bit", at) ? lowBit(a, bits) : errorTensor(expr.span);
}

const lowBit = (a: TensorTyped, bits: Typed | number): TensorTyped => ({ kind: "low bit", a, bits, shape: a.shape, span: a.span });

/** Reports what has no elements. */
function isVector(a: TensorTyped, name: string, { context }: TensorContext): boolean {
  if (a.shape.dim && !a.shape.bool) return true;
  reportShape(`\`${name}\``, "vectors", a, context);
  return false;
}

/** `dot(a, b)`: the sum of products of the elements of two vectors; `dot4(a, b)` of what 4 bits hold of them. */
function checkDot(expr: CallExpr, at: TensorContext, bits?: number): TensorTyped {
  const matched = argumentsOf(expr, ["a", "b"], [], at.context);
  if (matched === undefined) return errorTensor(expr.span);
  const given = [matched.get("a")!, matched.get("b")!].map((arg) => checkTensor(arg, at)) as [TensorTyped, TensorTyped];
  const { name } = expr.callee;
  for (const side of given) if (side.kind !== "error" && !isVector(side, name, at)) return errorTensor(side.span);
  const [a, b] = given.map((side) => (bits === undefined || side.kind === "error" ? side : lowBit(side, bits))) as [
    TensorTyped,
    TensorTyped,
  ];
  const product = elementwise("mul", a, b, expr.span, `\`${name}\``, at);
  return product.kind === "error" ? product : { kind: "dot", a, b, shape: { ...product.shape, dim: false }, span: expr.span };
}

/** `softmax(t)`, `softmax(t, where: condition)`: over the candidate keys of each query. */
function checkSoftmax(expr: CallExpr, at: TensorContext): TensorTyped {
  const { context } = at;
  const matched = argumentsOf(expr, ["x"], ["where"], context);
  if (matched === undefined) return errorTensor(expr.span);
  const a = checkTensor(matched.get("x")!, at);
  const condition = matched.get("where");
  const where = condition && checkTensor(condition, at);
  if (a.kind === "error" || where?.kind === "error") return errorTensor(expr.span);
  if (a.shape.columns !== "keys" || a.shape.dim || a.shape.bool) return reportShape("`softmax`", "numbers over keys", a, context);
  if (where === undefined) return { kind: "softmax", a, shape: a.shape, span: expr.span };
  if (!where.shape.bool || where.shape.dim) return reportShape("`where`", "booleans over queries and keys", where, context);
  const shape = join(a.shape, where.shape);
  if (shape === undefined) {
    report(context, "ATTN2312", expr.span, {});
    return errorTensor(expr.span);
  }
  return { kind: "softmax", a, where, shape, span: expr.span };
}

/** `avg_pool(t, n)`, `max_pool(t, n)`: over n neighbouring keys, as many results as keys. */
function checkSmooth(op: "mean" | "max", expr: CallExpr, at: TensorContext): TensorTyped {
  const { context } = at;
  const matched = argumentsOf(expr, ["x", "n"], [], context);
  if (matched === undefined) return errorTensor(expr.span);
  const a = checkTensor(matched.get("x")!, at);
  const size = checkConstantInt(matched.get("n")!, context, `the size of \`${expr.callee.name}\``);
  if (a.kind === "error" || size.type.kind === "error") return errorTensor(expr.span);
  if (a.shape.columns === undefined || a.shape.dim || a.shape.bool) {
    return reportShape(`\`${expr.callee.name}\``, "numbers over keys", a, context);
  }
  return { kind: "smooth", op, a, size, shape: a.shape, span: expr.span };
}

/** `fold(t, w, …)`: windows that overlap a unit, weighted and added. */
function checkFold(expr: CallExpr, at: TensorContext): TensorTyped {
  const { context } = at;
  const names = expr.args.slice(1).map((_, i) => `weight ${i + 1}`);
  const matched = argumentsOf(expr, ["x", ...(names.length === 0 ? ["weight 1"] : names)], [], context);
  if (matched === undefined) return errorTensor(expr.span);
  const a = checkTensor(matched.get("x")!, at);
  if (a.kind === "error") return a;
  if (a.shape.columns !== "keys" || a.shape.dim || a.shape.bool) return reportShape("`fold`", "numbers over windows of keys", a, context);
  if (at.units?.k === undefined) {
    report(context, "ATTN2332", expr.span, { name: "fold" });
    return errorTensor(expr.span);
  }
  if (at.units.k.clusters !== undefined) {
    report(context, "ATTN2366", expr.span, { what: "`fold`" });
    return errorTensor(expr.span);
  }
  const weights = names.map((name) => {
    const weight = expectConstant(checkExpr(matched.get(name)!, context), context, "a weight of `fold`");
    if (weight.type.kind === "error" || isNumber(weight.type)) return weight;
    report(context, "ATTN2108", weight.span, { where: "`fold`", expected: "a number", found: describe(weight.type) });
    return undefined;
  });
  if (weights.some((weight) => weight === undefined || weight.type.kind === "error")) return errorTensor(expr.span);
  return { kind: "fold", a, weights: weights.filter((weight) => weight !== undefined), shape: a.shape, span: expr.span };
}

/** `js_distance(a, b)`: one number for each head. */
function checkDistance(expr: CallExpr, at: TensorContext): TensorTyped {
  const { context } = at;
  const matched = argumentsOf(expr, ["a", "b"], [], context);
  if (matched === undefined) return errorTensor(expr.span);
  const [a, b] = [matched.get("a")!, matched.get("b")!].map((arg) => checkTensor(arg, at)) as [TensorTyped, TensorTyped];
  for (const side of [a, b]) {
    if (side.kind === "error") return errorTensor(expr.span);
    const { shape } = side;
    if (shape.columns !== "keys" || shape.rows || shape.dim || shape.bool) {
      return reportShape("`js_distance`", "one number for each key, the same for all queries", side, context);
    }
  }
  const both = join(a.shape, b.shape)!;
  return { kind: "distance", a, b, shape: { ...both, columns: undefined }, span: expr.span };
}

/** `start(k)`, `end(k)`, `size(k)`: of the units along the one axis that a tensor has. */
function checkUnits(name: "size" | "start" | "end", expr: CallExpr, at: TensorContext): TensorTyped {
  const { context } = at;
  const matched = argumentsOf(expr, ["x"], [], context);
  if (matched === undefined) return errorTensor(expr.span);
  const given = checkTensor(matched.get("x")!, at);
  if (given.kind === "error") return given;
  const { rows, columns } = given.shape;
  if (rows === (columns !== undefined)) return reportShape(`\`${name}\``, "a tensor over queries or over keys", given, context);
  const axis = ofSelection(given, at);
  const what = name === "size" ? "size" : name === "start" ? "first" : "last";
  return { kind: "units", what, axis, shape: { heads: "one", rows, columns, dim: false, bool: false }, span: expr.span };
}

/** In a selection, `q` and `k` are counted in its units. */
function ofSelection(given: TensorTyped, { units }: TensorContext): TensorTyped {
  if (given.kind !== "view" || given.last !== undefined) return given;
  const unit = given.of === "q" ? units?.q : units?.k;
  if (unit === undefined) return given;
  return { kind: "pool", op: "first", over: given.of === "q" ? "rows" : "columns", a: given, shape: given.shape, span: given.span };
}
