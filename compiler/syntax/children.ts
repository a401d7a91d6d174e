import type { Expr } from "./ast.js";

/** The expressions directly below one, in reading order. */
export function exprChildren(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "call":
      return expr.args.map(({ value }) => value);
    case "member":
      return [expr.object, ...(expr.args ?? []).map(({ value }) => value)];
    case "index":
      return [expr.object, ...expr.indices];
    case "unary":
      return [expr.operand];
    case "binary":
      return [expr.left, expr.right];
    case "conditional":
      return [expr.condition, expr.then, expr.otherwise];
    case "list":
      return expr.items;
    default:
      return [];
  }
}

/** The first expression of a tree, itself included, that passes a test. */
export function findExpr(expr: Expr, test: (expr: Expr) => boolean): Expr | undefined {
  if (test(expr)) return expr;
  for (const child of exprChildren(expr)) {
    const found = findExpr(child, test);
    if (found !== undefined) return found;
  }
  return undefined;
}
