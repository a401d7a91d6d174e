import type { Expr } from "../../syntax/ast.js";
import { exprChildren } from "../../syntax/children.js";
import type { Place } from "../scope.js";

/** Functions whose result is a tensor, whatever they are given. */
const makers = new Set([
  "avg_pool", "dot", "dot4", "end", "fold", "js_distance", "low_bit", "max_pool", "mean", "size", "softmax", "sqrt", "start", "sum",
]); // prettier-ignore

/**
 * Whether an expression is about tensors.
 * @param views whether `q`, `k` and `scale` are, as where a tensor is expected; elsewhere `q` and `k` are positions.
 */
export function mentionsTensor(expr: Expr, place: Place, views: boolean): boolean {
  if (isLast(expr)) return true;
  if (expr.kind === "call" && makers.has(expr.callee.name) && !place.file.declarations.has(expr.callee.name)) return true;
  if (expr.kind === "name") {
    const meaning = place.names.get(expr.name);
    if (meaning !== undefined) return meaning.kind === "tensor" || (meaning.kind === "input" && isFloats(meaning.type));
    return views && ["q", "k", "scale"].includes(expr.name);
  }
  return exprChildren(expr).some((part) => mentionsTensor(part, place, views));
}

export const isFloats = (type: string): boolean => ["scores", "channels", "weights", "pooled"].includes(type);

/** `q.last(n)` */
export function isLast(expr: Expr): boolean {
  return expr.kind === "member" && expr.name.name === "last" && expr.args !== undefined;
}

/** Whether a tensor has the last queries for its queries. */
export function ofLast(expr: Expr, place: Place): boolean {
  if (isLast(expr)) return true;
  const meaning = expr.kind === "name" ? place.names.get(expr.name) : undefined;
  if (meaning?.kind === "tensor") return ofLast(meaning.expr, meaning.place);
  return exprChildren(expr).some((part) => ofLast(part, place));
}
