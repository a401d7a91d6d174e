import type { CallExpr, Expr } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { checkConstantInt, checkExpr } from "../expressions.js";
import type { InputModel } from "../model.js";
import { argumentsOf } from "../tensors/check.js";
import type { ClustersModel, UnitModel } from "../tensors/model.js";

/** `cluster(400, iters: 2)`, or `cluster(16, ids: doc)` */
export function checkClusters(expr: CallExpr, axis: "q" | "k", context: Context): UnitModel | undefined {
  const { span } = expr;
  const matched = argumentsOf(expr, ["n"], ["iters", "ids"], context);
  if (matched === undefined) return undefined;
  const count = checkConstantInt(matched.get("n")!, context, "a number of clusters");
  const by = madeBy(expr, matched.get("iters"), matched.get("ids"), axis, context);
  if (count.type.kind === "error" || by === undefined) return undefined;
  return { clusters: { count, by, span }, span };
}

/** Whence clusters come: k-means, or ids of the caller. */
function madeBy(
  expr: CallExpr,
  iters: Expr | undefined,
  ids: Expr | undefined,
  axis: "q" | "k",
  context: Context,
): ClustersModel["by"] | undefined {
  if ((iters === undefined) === (ids === undefined)) {
    report(context, "ATTN2369", expr.span, { found: iters === undefined ? "there is neither" : "there are both" });
    return undefined;
  }
  if (ids !== undefined) {
    const input = givenIds(ids, axis, context);
    return input && { kind: "ids", input };
  }
  const updates = checkConstantInt(iters!, context, "`iters` of `cluster`");
  return updates.type.kind === "error" ? undefined : { kind: "k-means", updates };
}

/** The input of ids that an argument names; reports what is none. */
function givenIds(expr: Expr, axis: "q" | "k", context: Context): InputModel | undefined {
  if (expr.kind === "error") return undefined;
  const symbol = expr.kind === "name" ? context.scope.find(expr.name) : undefined;
  if (symbol?.kind === "error") return undefined;
  const refuse = (found: string): undefined => void report(context, "ATTN2369", expr.span, { found });
  if (expr.kind !== "name") return refuse("`ids` is no name of an input");
  // What is not declared is said as of any expression.
  if (symbol === undefined) return void checkExpr(expr, context);
  if (symbol.kind !== "input") return refuse(`\`${expr.name}\` is no input`);
  const { input } = symbol;
  if (input.kind !== "ids") return refuse(`\`${expr.name}\` is an input of kind \`${input.kind}\``);
  if (context.space?.kind === "cross" && input.axis !== axis)
    return refuse(`\`${expr.name}\` has ids of ${input.axis === "q" ? "queries" : "keys"}`);
  return input;
}
