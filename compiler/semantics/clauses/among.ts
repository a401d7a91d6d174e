import type { AmongClause, Expr } from "../../syntax/ast.js";
import { findExpr } from "../../syntax/children.js";
import { report, type Context } from "../context.js";
import { checkBool } from "../expressions.js";
import type { Typed } from "../typed.js";
import { walkAttend } from "../typed-walk.js";

/** A clause of a selection that has a mask. */
interface UnitMaskClause {
  /** The name of the selection. */
  readonly select: string;
  readonly clause: "among" | "force";
}

/** `among coarse | k < 64`; undefined where something is wrong, which has been reported. */
export function checkAmong({ value }: AmongClause, select: string, context: Context): Typed | undefined {
  return checkUnitMask(value, { select, clause: "among" }, context);
}

/** A mask that is asked of the units of a selection: of what is known before the data, and of selections declared before. */
export function checkUnitMask(expr: Expr, { select, clause }: UnitMaskClause, context: Context): Typed | undefined {
  if (expr.kind === "error") return undefined;
  // Where the name means something else, the selection of this name has been reported.
  const own = context.scope.peek(select) === undefined && findExpr(expr, (each) => each.kind === "name" && each.name === select);
  if (own) {
    report(context, "ATTN2335", own.span, { name: select, clause });
    return undefined;
  }
  const mask = checkBool(expr, context, `\`${clause}\``);
  if (mask.type.kind === "error") return undefined;
  const what = readsData(mask);
  if (what === undefined) return mask;
  report(context, "ATTN2323", mask.span, { clause, what });
  return undefined;
}

/** What of the data an expression reads but for selections, patterns that it uses included. */
function readsData(typed: Typed): string | undefined {
  let found: string | undefined;
  walkAttend(typed, (node) => {
    if (node.kind === "flag") found ??= `the tensors of \`${node.name}\``;
    else if (node.kind === "bit" || node.kind === "load") found ??= `the input \`${node.input.name}\``;
    else if (node.kind === "variable" && node.name === "b") found ??= "the entry of the batch";
  });
  return found;
}
