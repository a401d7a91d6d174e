import type { Arg, Expr } from "../../syntax/ast.js";
import type { Context } from "../context.js";

/** Functions whose result is a tensor, whatever their arguments are. */
export const tensorFunctions = [
  "softmax", "dot", "mean", "sum", "sqrt", "size", "start", "end", "fold", "js_distance", "avg_pool", "max_pool",
  "low_bit", "dot4",
] as const; // prettier-ignore

const functions: ReadonlySet<string> = new Set(tensorFunctions);

export function isTensorFunction(name: string, context: Context): boolean {
  return functions.has(name) && !context.items.items.has(name);
}

/**
 * Whether an expression is about tensors. Where one is expected (`views`), `q` and `k` are the queries and keys
 * themselves, and `scale` the scale of the call; elsewhere they are positions, and an undeclared name.
 */
export function mentionsTensor(expr: Expr, context: Context, views: boolean): boolean {
  const inside = (e: Expr): boolean => mentionsTensor(e, context, views);
  const some = (args: readonly Arg[]): boolean => args.some((arg) => inside(arg.value));
  switch (expr.kind) {
    case "name": {
      const symbol = context.scope.peek(expr.name);
      if (symbol !== undefined) return symbol.kind === "tensor" || (symbol.kind === "input" && isFloatInput(symbol.input.kind));
      return views && (expr.name === "q" || expr.name === "k" || expr.name === "scale");
    }
    case "call":
      return isTensorFunction(expr.callee.name, context) || some(expr.args);
    case "member":
      return isLastOf(expr) || inside(expr.object);
    case "index":
      return inside(expr.object) || expr.indices.some(inside);
    case "unary":
      return inside(expr.operand);
    case "binary":
      return inside(expr.left) || inside(expr.right);
    case "conditional":
      return inside(expr.condition) || inside(expr.then) || inside(expr.otherwise);
    case "list":
      return expr.items.some(inside);
    default:
      return false;
  }
}

/** `q.last(n)` */
export function isLastOf(expr: Expr): boolean {
  return expr.kind === "member" && expr.name.name === "last" && expr.args !== undefined && expr.object.kind === "name";
}

export function isFloatInput(kind: string): boolean {
  return kind === "scores" || kind === "channels" || kind === "pooled" || kind === "weights";
}
