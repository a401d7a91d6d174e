import type { CallExpr, Expr } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { checkConstantInt, checkExpr } from "../expressions.js";
import type { InputKind, InputModel } from "../model.js";
import { argumentsOf } from "../tensors/check.js";
import type { ClustersModel, UnitModel } from "../tensors/model.js";

type Axis = "q" | "k";

/** `cluster(400, iters: 2)`, `cluster(400, iters: 2, from: c)` or `cluster(16, ids: doc)` */
export function checkClusters(
  expr: CallExpr,
  axis: Axis,
  context: Context,
): (UnitModel & { readonly clusters: ClustersModel }) | undefined {
  const { span } = expr;
  const matched = argumentsOf(expr, ["n"], ["iters", "ids", "from"], context);
  if (matched === undefined) return undefined;
  const count = checkConstantInt(matched.get("n")!, context, "a number of clusters");
  const by = madeBy(expr, matched, axis, context);
  if (count.type.kind === "error" || by === undefined) return undefined;
  return { clusters: { count, by, span }, span };
}

/** Whence clusters come: k-means, or ids of the caller. */
function madeBy(expr: CallExpr, matched: ReadonlyMap<string, Expr>, axis: Axis, context: Context): ClustersModel["by"] | undefined {
  const [iters, ids, from] = [matched.get("iters"), matched.get("ids"), matched.get("from")];
  if ((iters === undefined) === (ids === undefined)) {
    report(context, "ATTN2369", expr.span, { found: iters === undefined ? "there is neither" : "there are both" });
    return undefined;
  }
  if (iters === undefined) {
    if (from !== undefined) report(context, "ATTN2370", from.span, { found: "clusters by `ids` have none" });
    const input = given(ids!, "ids", axis, context);
    return input === undefined || from !== undefined ? undefined : { kind: "ids", input };
  }
  const updates = checkConstantInt(iters, context, "`iters` of `cluster`");
  const input = from && given(from, "centroids", axis, context);
  if (updates.type.kind === "error" || (from !== undefined && input === undefined)) return undefined;
  return { kind: "k-means", updates, from: input };
}

const codes = { ids: "ATTN2369", centroids: "ATTN2370" } as const;

/** The input of a kind that an argument names; reports what is none. */
function given(expr: Expr, kind: InputKind & keyof typeof codes, axis: Axis, context: Context): InputModel | undefined {
  if (expr.kind === "error") return undefined;
  const symbol = expr.kind === "name" ? context.scope.find(expr.name) : undefined;
  if (symbol?.kind === "error") return undefined;
  const refuse = (found: string): undefined => void report(context, codes[kind], expr.span, { found });
  if (expr.kind !== "name") return refuse("this is no name of an input");
  // What is not declared is said as of any expression.
  if (symbol === undefined) return void checkExpr(expr, context);
  if (symbol.kind !== "input") return refuse(`\`${expr.name}\` is no input`);
  const { input } = symbol;
  if (input.kind !== kind) return refuse(`\`${expr.name}\` is an input of kind \`${input.kind}\``);
  // Of a self space one row of ids serves queries and keys.
  const shared = kind === "ids" && context.space?.kind !== "cross";
  if (!shared && input.axis !== axis) return refuse(`\`${expr.name}\` has ${kind} of ${input.axis === "q" ? "queries" : "keys"}`);
  return input;
}
