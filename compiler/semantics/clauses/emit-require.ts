import type { EmitClause, RequireClause } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { hint } from "../expressions.js";

/** True when the clause asks for lse. */
export function checkEmit(clause: EmitClause, context: Context): boolean {
  for (const { name, span } of clause.names) {
    if (name === "colsum") report(context, "ATTN2201", span, { what: "`emit colsum`" });
    else if (name !== "lse") report(context, "ATTN2212", span, { name }, hint(name, ["lse"]));
  }
  return clause.names.some(({ name }) => name === "lse");
}

/** True when the clause asks that no row be empty. */
export function checkRequire(clause: RequireClause, context: Context): boolean {
  const text = clause.names.map(({ name }) => name).join(" ");
  if (text === "rows nonempty") return true;
  if (text === "evictable") report(context, "ATTN2201", clause.span, { what: "`require evictable`" });
  else report(context, "ATTN2213", clause.span, { text }, hint(text, ["rows nonempty", "evictable"]));
  return false;
}
