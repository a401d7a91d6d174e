import type { Span } from "../../source/file.js";
import type { CallExpr, Expr, MemberExpr, NameExpr } from "../../syntax/ast.js";
import { matchArguments } from "../arguments.js";
import { report, type Context } from "../context.js";
import { checkConstantInt, checkExpr } from "../expressions.js";
import type { InputModel } from "../model.js";
import { Depends, type Typed } from "../typed.js";
import { checkTensorCall } from "./functions.js";
import type { SelectUnits, TensorTyped } from "./model.js";
import { isFloatInput, isLastOf, mentionsTensor } from "./names.js";
import { checkElementBinary, checkElementChoose, checkElementUnary } from "./elements.js";
import { boolean, describeShape, number, type TensorShape } from "./shape.js";
import * as T from "../types.js";

/** What tensor expressions are checked in: a declaration and, in the `score` of a selection, its units. */
export interface TensorContext {
  readonly context: Context;
  readonly units?: SelectUnits | undefined;
}

/** Resolves and types a tensor expression. What is wrong is reported once; the result then is an error. */
export function checkTensor(expr: Expr, at: TensorContext): TensorTyped {
  const { context } = at;
  if (!mentionsTensor(expr, context, true)) return hostTensor(expr, at);
  switch (expr.kind) {
    case "name":
      return checkTensorName(expr, at);
    case "member":
      return checkView(expr, at);
    case "call":
      return checkTensorCall(expr, at);
    case "unary":
      return checkElementUnary(expr, at);
    case "binary":
      return checkElementBinary(expr, at);
    case "conditional":
      return checkElementChoose(expr, at);
    case "index":
      report(context, "ATTN2118", expr.object.span, {});
      return errorTensor(expr.span);
    default:
      report(context, "ATTN2114", expr.span, { form: expr.kind === "list" ? "a list" : "this" });
      return errorTensor(expr.span);
  }
}

export function errorTensor(span: Span): TensorTyped {
  return { kind: "error", shape: number, span };
}

/** A number or boolean that the host computes, for each head at most. */
function hostTensor(expr: Expr, { context }: TensorContext): TensorTyped {
  const value = checkExpr(expr, context);
  if (value.type.kind === "error") return errorTensor(expr.span);
  if (value.type.kind === "phase") {
    report(context, "ATTN2108", expr.span, { where: "a tensor expression", expected: "a number", found: T.describe(value.type) });
    return errorTensor(expr.span);
  }
  if (!isUniform(value, "a number in a tensor expression", context)) return errorTensor(expr.span);
  const heads = value.depends === Depends.nothing ? "one" : "query";
  return { kind: "host", value, shape: { ...(value.type.kind === "bool" ? boolean : number), heads }, span: expr.span };
}

/** Whether a value is one number for a head that the host knows; reports it where it is not. */
export function isUniform(value: Typed, where: string, context: Context): boolean {
  if ((value.depends & (Depends.pair | Depends.batch)) === 0) return true;
  report(context, "ATTN2319", value.span, { where });
  return false;
}

function checkTensorName({ name, span }: NameExpr, { context }: TensorContext): TensorTyped {
  const symbol = context.scope.find(name);
  if (symbol?.kind === "tensor") {
    const { tensor } = symbol;
    return { kind: "named", named: tensor, shape: tensor.value.shape, span };
  }
  if (symbol?.kind === "input" && isFloatInput(symbol.input.kind)) {
    return { kind: "input", input: symbol.input, shape: inputShape(symbol.input), span };
  }
  if (name === "scale") return { kind: "scale", shape: number, span };
  return viewOf(name === "q" ? "q" : "k", span);
}

export function viewOf(of: "q" | "k", span: Span): TensorTyped {
  const shape: TensorShape =
    of === "q"
      ? { heads: "query", rows: true, dim: true, bool: false }
      : { heads: "kv", rows: false, columns: "keys", dim: true, bool: false };
  return { kind: "view", of, shape, span };
}

/** What an input of floats is, for as many heads as the caller gives it. */
function inputShape({ kind, axis }: InputModel): TensorShape {
  const rows = kind === "scores" || (kind === "weights" && axis === "q");
  const columns = kind === "channels" || (kind === "weights" && axis === "q") ? undefined : "keys";
  return { heads: "query", rows, columns, dim: kind === "channels" || kind === "pooled", bool: false };
}

/** `q.last(n)` */
function checkView(expr: MemberExpr, at: TensorContext): TensorTyped {
  const { context } = at;
  if (!isLastOf(expr) || expr.object.kind !== "name" || expr.object.name !== "q") {
    report(context, "ATTN2111", expr.span, { name: expr.name.name });
    return errorTensor(expr.span);
  }
  const matched = matchArguments({ callee: expr.name, args: expr.args ?? [], span: expr.span }, [{ name: "n", required: true }], context);
  if (matched === undefined) return errorTensor(expr.span);
  const last = checkConstantInt(matched.get("n")!, context, "the number of last queries");
  if (last.type.kind === "error") return errorTensor(expr.span);
  return { ...viewOf("q", expr.span), kind: "view", of: "q", last };
}

/** Reports a tensor whose axes are not those that a place takes. */
export function reportShape(where: string, expected: string, tensor: TensorTyped, context: Context): TensorTyped {
  report(context, "ATTN2311", tensor.span, { where, expected, found: describeShape(tensor.shape) });
  return errorTensor(tensor.span);
}

/** Arguments of a call by their names; undefined where they do not fit, which has been reported. */
export function argumentsOf(expr: CallExpr, required: readonly string[], optional: readonly string[], context: Context) {
  const parameters = [...required.map((name) => ({ name, required: true })), ...optional.map((name) => ({ name, required: false }))];
  return matchArguments(expr, parameters, context);
}
