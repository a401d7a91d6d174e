import type { Expr, KeepClause } from "../../syntax/ast.js";
import { matchArguments } from "../arguments.js";
import { report, type Context } from "../context.js";
import { checkExpr, expectInt, hint } from "../expressions.js";
import { checkLevels } from "./levels.js";
import { isUniform } from "../tensors/check.js";
import type { KeepModel } from "../tensors/model.js";
import type { Typed } from "../typed.js";
import * as T from "../types.js";

const rules = { top: "top", top_p: "mass", threshold: "threshold", fraction: "fraction" } as const;

/** How much is kept, before `min`, `max` and `over`. */
export type KeepRule = Pick<KeepModel, "rule" | "amount" | "level">;

/**
 * `keep top(n) + forced min a max b over head`: one rule, or those of `levels(…)`, one for each level. Undefined where
 * something is wrong, which has been reported.
 */
export function checkKeep(clause: KeepClause, context: Context): readonly KeepModel[] | undefined {
  const { value, onTop } = withoutForced(clause.value);
  const rules = value.kind === "call" && value.callee.name === "levels" ? checkLevels(clause, value, context) : checkRule(value, context);
  const min = clause.min && checkAmount(clause.min, "`min`", true, context);
  const max = clause.max && checkAmount(clause.max, "`max`", true, context);
  const scope = clause.over?.name ?? "row";
  if (scope !== "row" && scope !== "head") {
    report(context, "ATTN2321", clause.over!.span, { allowed: "`head` after `keep`" }, hint(scope, ["head"]));
    return undefined;
  }
  if (rules === undefined || (clause.min !== undefined && min === undefined) || (clause.max !== undefined && max === undefined))
    return undefined;
  return rules.map((rule) => ({ ...rule, onTop, min, max, scope, span: clause.span }));
}

/** `top_p(0.9)`, as a list of one. */
export function checkRule(value: Expr, context: Context): readonly [KeepRule] | undefined {
  const name = value.kind === "call" ? value.callee.name : "";
  const rule = Object.hasOwn(rules, name) ? rules[name as keyof typeof rules] : undefined;
  if (value.kind !== "call" || rule === undefined) {
    if (value.kind !== "error") report(context, "ATTN2317", value.span, {}, misspelledRule(value));
    return undefined;
  }
  const parameter = { top: "n", mass: "p", threshold: "t", fraction: "f" }[rule];
  const matched = matchArguments(value, [{ name: parameter, required: true }], context);
  const amount = matched && checkAmount(matched.get(parameter)!, `\`${parameter}\` of \`${name}\``, rule === "top", context);
  return amount && [{ rule, amount }];
}

/** A rule, or the `forced` behind it, that is nearly written. */
function misspelledRule(value: Expr): { readonly hint?: string } {
  if (value.kind === "call") return hint(value.callee.name, ["top_p", ...Object.keys(rules), "levels"]);
  return value.kind === "binary" && value.op === "+" && value.right.kind === "name" ? hint(value.right.name, ["forced"]) : {};
}

/** `top(8) + forced` without its `+ forced`. */
function withoutForced(expr: Expr): { readonly value: Expr; readonly onTop: boolean } {
  const onTop = expr.kind === "binary" && expr.op === "+" && expr.right.kind === "name" && expr.right.name === "forced";
  return onTop ? { value: expr.left, onTop } : { value: expr, onTop };
}

/** A number that is the same for a whole head and known before the data. */
export function checkAmount(expr: Expr, where: string, integer: boolean, context: Context): Typed | undefined {
  let typed = checkExpr(expr, context);
  if (integer) typed = expectInt(typed, context, where);
  else if (typed.type.kind !== "error" && !T.isNumber(typed.type)) {
    report(context, "ATTN2108", typed.span, { where, expected: "a number", found: T.describe(typed.type) });
    return undefined;
  }
  return typed.type.kind !== "error" && isUniform(typed, where, context) ? typed : undefined;
}
