import type { BinaryExpr, ConditionalExpr, UnaryExpr } from "../syntax/ast.js";
import { report, type Context } from "./context.js";
import { checkExpr, errorAt, hint } from "./expressions.js";
import { checkCondition } from "./tensors/flag.js";
import { Depends, type Operator, type Typed } from "./typed.js";
import * as T from "./types.js";

export function checkUnary(expr: UnaryExpr, context: Context): Typed {
  const operand = checkExpr(expr.operand, context);
  if (operand.type.kind === "error") return errorAt(expr.span);
  const wanted = expr.op === "!" ? operand.type.kind === "bool" : T.isNumber(operand.type);
  if (!wanted) {
    reportOperand(expr.op, expr.op === "!" ? "a boolean" : "a number", operand, context);
    return errorAt(expr.span);
  }
  return {
    kind: expr.op === "!" ? "not" : "negate",
    operand,
    type: operand.type.kind === "int" ? T.integer(operand.type.unit) : operand.type,
    depends: operand.depends,
    span: expr.span,
  };
}

export function checkBinary(expr: BinaryExpr, context: Context): Typed {
  if (expr.op === "in") return checkIn(expr, context);
  const left = checkExpr(expr.left, context);
  const right = checkExpr(expr.right, context);
  if (left.type.kind === "error" || right.type.kind === "error") return errorAt(expr.span);
  const type = resultType(expr.op, left, right, context, expr);
  if (type.kind === "error") return errorAt(expr.span);
  return { kind: "binary", op: expr.op, left, right, type, depends: left.depends | right.depends, span: expr.span };
}

function resultType(op: Operator, left: Typed, right: Typed, context: Context, expr: BinaryExpr): T.Type {
  switch (op) {
    case "&":
    case "|": {
      const wrong = [left, right].filter((side) => side.type.kind !== "bool");
      for (const side of wrong) reportOperand(op, "a boolean", side, context);
      return wrong.length > 0 ? T.error : T.bool;
    }
    case "==":
    case "!=":
      if (left.type.kind === "phase" && right.type.kind === "phase") return T.bool;
      if (left.type.kind === "bool" && right.type.kind === "bool") return T.bool;
      return comparison(op, left, right, context, expr);
    case "<":
    case "<=":
    case ">":
    case ">=":
      return comparison(op, left, right, context, expr);
    default: {
      const wrong = [left, right].filter((side) => !T.isNumber(side.type));
      for (const side of wrong) reportOperand(op, "a number", side, context);
      if (wrong.length > 0) return T.error;
      return arithmetic(op, left, right, context, expr);
    }
  }
}

function comparison(op: Operator, left: Typed, right: Typed, context: Context, expr: BinaryExpr): T.Type {
  const wrong = [left, right].filter((side) => !T.isNumber(side.type));
  if (wrong.length === 2 && left.type.kind !== right.type.kind) {
    report(context, "ATTN2103", expr.span, { left: T.describe(left.type), right: T.describe(right.type) });
    return T.error;
  }
  for (const side of wrong) reportOperand(op, "a number", side, context);
  if (wrong.length > 0) return T.error;
  if (left.type.kind === "int" && right.type.kind === "int" && !T.comparable(left.type.unit, right.type.unit)) {
    report(context, "ATTN2103", expr.span, { left: T.describe(left.type), right: T.describe(right.type) });
    return T.error;
  }
  return T.bool;
}

function arithmetic(op: Operator, left: Typed, right: Typed, context: Context, expr: BinaryExpr): T.Type {
  if (left.type.kind === "int" && right.type.kind === "int") {
    const a = left.type.unit;
    const b = right.type.unit;
    if (op === "-") return T.integer(T.unitOfDifference(a, b));
    if (op === "+") return T.integer(T.unitOfSum(a, b));
    return T.integer(op === "/" && b === "number" ? a : "number");
  }
  return requireUniform([left, right], expr.span, context) ? T.float : T.error;
}

/** Floats are computed by the host, once per head: they must not differ from pair to pair or by batch entry. */
export function requireUniform(operands: readonly Typed[], span: Typed["span"], context: Context): boolean {
  const varying = operands.find((operand) => (operand.depends & (Depends.pair | Depends.batch)) !== 0);
  if (varying === undefined) return true;
  report(context, "ATTN2104", span, {}, { labels: [{ span: varying.span, text: "this differs from pair to pair, or by batch entry" }] });
  return false;
}

export function checkConditional(expr: ConditionalExpr, context: Context): Typed {
  const condition = checkCondition(expr.condition, context, "the condition");
  const then = checkExpr(expr.then, context);
  const otherwise = checkExpr(expr.otherwise, context);
  if ([condition, then, otherwise].some((part) => part.type.kind === "error")) return errorAt(expr.span);
  const type = commonType(then.type, otherwise.type);
  if (type === undefined) {
    report(context, "ATTN2112", expr.span, { then: T.describe(then.type), otherwise: T.describe(otherwise.type) });
    return errorAt(expr.span);
  }
  if (type.kind === "float" && !requireUniform([condition, then, otherwise], expr.span, context)) return errorAt(expr.span);
  const depends = condition.depends | then.depends | otherwise.depends;
  return { kind: "conditional", condition, then, otherwise, type, depends, span: expr.span };
}

/** The type that holds the values of both, if there is one. */
export function commonType(a: T.Type, b: T.Type): T.Type | undefined {
  if (a.kind === "int" && b.kind === "int") return T.integer(T.commonUnit(a.unit, b.unit));
  if (T.isNumber(a) && T.isNumber(b)) return T.float;
  return a.kind === b.kind && a.kind !== "phase" ? a : undefined;
}

function checkIn(expr: BinaryExpr, context: Context): Typed {
  const left = checkExpr(expr.left, context);
  if (expr.right.kind === "list") {
    const items = expr.right.items.map((item) => checkExpr(item, context));
    if (left.type.kind === "error" || items.some((item) => item.type.kind === "error")) return errorAt(expr.span);
    for (const item of items) {
      const fits =
        left.type.kind === "int" && item.type.kind === "int"
          ? T.comparable(left.type.unit, item.type.unit)
          : left.type.kind === "phase" && item.type.kind === "phase";
      if (!fits) {
        report(context, "ATTN2103", item.span, { left: T.describe(left.type), right: T.describe(item.type) });
        return errorAt(expr.span);
      }
    }
    const depends = items.reduce((all, item) => all | item.depends, left.depends);
    return { kind: "inList", value: left, items, type: T.bool, depends, span: expr.span };
  }
  if (expr.right.kind === "name") {
    const { name } = expr.right;
    const symbol = context.scope.find(name);
    const segment = symbol?.kind === "segment" ? symbol.segment : name === context.space?.base.name ? context.space.base : undefined;
    if (segment !== undefined) {
      if (left.type.kind === "error") return errorAt(expr.span);
      if (left.type.kind !== "int" || !(left.type.unit === "number" || T.isPositional(left.type.unit))) {
        report(context, "ATTN2108", left.span, { where: "the left side of `in`", expected: "a position", found: T.describe(left.type) });
        return errorAt(expr.span);
      }
      return { kind: "inSegment", position: left, segment, type: T.bool, depends: left.depends | Depends.pair, span: expr.span };
    }
    const names = [...(context.space?.segments.map((s) => s.name) ?? [])];
    report(context, "ATTN2113", expr.right.span, {}, symbol === undefined ? hint(name, names) : {});
    return errorAt(expr.span);
  }
  report(context, "ATTN2113", expr.right.span, {});
  return errorAt(expr.span);
}

function reportOperand(op: string, expected: string, operand: Typed, context: Context): void {
  report(context, "ATTN2101", operand.span, { op, expected, found: T.describe(operand.type) });
}
