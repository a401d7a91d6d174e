import type { Span } from "../../source/file.js";
import type { CallExpr, KeepClause } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { checkRule, type KeepRule } from "./keep.js";

/**
 * `levels(1: top_p(0.4), 2: top_p(0.5))`: the rule of each level. Undefined where something is wrong, which has been
 * reported.
 */
export function checkLevels(clause: KeepClause, { args, callee }: CallExpr, context: Context): readonly KeepRule[] | undefined {
  const wrong = (at: Span, problem: string): undefined => {
    report(context, "ATTN2346", at, { problem });
    return undefined;
  };
  if (args.length === 0) return wrong(callee.span, "there are none here");
  const bound = clause.min ?? clause.max;
  if (bound !== undefined) return wrong(bound.span, "`min` and `max` do not say of which level");
  const rules: KeepRule[] = [];
  for (const { label, value } of args) {
    const level = label !== undefined && /^[0-9]+$/.test(label.text) ? Number(label.text) : undefined;
    if (level === undefined) return wrong(label?.span ?? value.span, "a rule here has no number before it");
    const before = rules.at(-1)?.level ?? 0;
    if (level <= before) return wrong(label!.span, before === 0 ? "levels begin with 1" : `level ${level} follows level ${before}`);
    const rule = checkRule(value, context);
    if (rule === undefined) return undefined;
    rules.push({ ...rule[0], level });
  }
  return rules;
}
