import type { Expr } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { checkExpr, errorAt, expectBool } from "../expressions.js";
import { Depends, type Typed } from "../typed.js";
import * as T from "../types.js";
import { checkTensor } from "./check.js";
import type { TensorTyped } from "./model.js";
import { mentionsTensor } from "./names.js";
import { describeShape } from "./shape.js";

/** The boolean of a head that a tensor is; undefined where it is something else. */
export function flagOf(tensor: TensorTyped, name: string, span: Typed["span"]): Typed | undefined {
  const { bool, rows, columns, dim } = tensor.shape;
  if (!bool || rows || columns !== undefined || dim) return undefined;
  return { kind: "flag", name, tensor, type: T.bool, depends: Depends.batch, span };
}

/** A condition that decides for a whole head: what the host knows, or one boolean that comes from tensors. */
export function checkCondition(expr: Expr, context: Context, where: string): Typed {
  if (!mentionsTensor(expr, context, false)) return expectBool(checkExpr(expr, context), context, where);
  const tensor = checkTensor(expr, { context });
  if (tensor.kind === "error") return errorAt(expr.span);
  const flag = flagOf(tensor, expr.kind === "name" ? expr.name : "flag", expr.span);
  if (flag !== undefined) return flag;
  report(context, "ATTN2324", expr.span, { found: describeShape(tensor.shape) });
  return errorAt(expr.span);
}
