import type { BinaryExpr, BinaryOperator, ConditionalExpr, UnaryExpr } from "../../syntax/ast.js";
import { report } from "../context.js";
import { checkTensor, errorTensor, reportShape, type TensorContext } from "./check.js";
import type { ElementOp, TensorTyped } from "./model.js";
import { join } from "./shape.js";

/** Operators on tensors, element by element: a tensor that lacks an axis is the same along it. */

const operators: Readonly<Partial<Record<BinaryOperator, ElementOp>>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
  "==": "eq",
  "!=": "ne",
  "&": "and",
  "|": "or",
};

const truths: ReadonlySet<ElementOp> = new Set<ElementOp>(["lt", "le", "gt", "ge", "eq", "ne", "and", "or"]);

export function checkElementUnary(expr: UnaryExpr, at: TensorContext): TensorTyped {
  const a = checkTensor(expr.operand, at);
  if (a.kind === "error") return a;
  const truth = expr.op === "!";
  if (a.shape.bool !== truth) return reportShape(`\`${expr.op}\``, truth ? "booleans" : "numbers", a, at.context);
  return { kind: "unary", op: truth ? "not" : "neg", a, shape: a.shape, span: expr.span };
}

export function checkElementBinary(expr: BinaryExpr, at: TensorContext): TensorTyped {
  const op = operators[expr.op];
  if (op === undefined) {
    report(at.context, "ATTN2326", expr.span, { op: expr.op });
    return errorTensor(expr.span);
  }
  return elementwise(op, checkTensor(expr.left, at), checkTensor(expr.right, at), expr.span, `\`${expr.op}\``, at);
}

/** One operation on two tensors; reports operands that do not go together. */
export function elementwise(
  op: ElementOp,
  a: TensorTyped,
  b: TensorTyped,
  span: TensorTyped["span"],
  where: string,
  { context }: TensorContext,
): TensorTyped {
  if (a.kind === "error" || b.kind === "error") return errorTensor(span);
  const onTruths = op === "and" || op === "or";
  for (const side of [a, b]) {
    if (side.shape.bool !== onTruths) return reportShape(where, onTruths ? "booleans" : "numbers", side, context);
  }
  const shape = join(a.shape, b.shape);
  if (shape === undefined) {
    report(context, "ATTN2312", span, {});
    return errorTensor(span);
  }
  return { kind: "binary", op, a, b, shape: { ...shape, bool: truths.has(op) }, span };
}

export function checkElementChoose(expr: ConditionalExpr, at: TensorContext): TensorTyped {
  const [condition, a, b] = [expr.condition, expr.then, expr.otherwise].map((part) => checkTensor(part, at)) as [
    TensorTyped,
    TensorTyped,
    TensorTyped,
  ];
  if ([condition, a, b].some((part) => part.kind === "error")) return errorTensor(expr.span);
  if (!condition.shape.bool) return reportShape("the condition", "booleans", condition, at.context);
  if (a.shape.bool !== b.shape.bool) return reportShape("`else`", a.shape.bool ? "booleans" : "numbers", b, at.context);
  const branches = join(a.shape, b.shape);
  const shape = branches && join(condition.shape, branches);
  if (shape === undefined) {
    report(at.context, "ATTN2312", expr.span, {});
    return errorTensor(expr.span);
  }
  return { kind: "choose", condition, a, b, shape: { ...shape, bool: a.shape.bool }, span: expr.span };
}
