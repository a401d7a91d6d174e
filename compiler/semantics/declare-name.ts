import { isReservedValue } from "./builtins.js";
import { report, type Context } from "./context.js";
import type { Span } from "../source/file.js";
import { describeSymbol, withArticle, type Symbol } from "./scope.js";

/**
 * Gives a name of a declaration its meaning. Reports names that are taken, by another clause or by
 * the language. True when the name is now this symbol's.
 */
export function declareName(name: { readonly name: string; readonly span: Span }, symbol: Symbol, context: Context): boolean {
  if (isReservedValue(name.name)) {
    report(context, "ATTN2003", name.span, { name: name.name });
    return false;
  }
  const present = context.scope.declare(name.name, symbol);
  if (present === undefined) return true;
  const first = {
    span: present.span,
    text: present.kind === "error" ? "the first one" : `the first one, ${withArticle(describeSymbol(present))}`,
  };
  report(context, "ATTN2002", name.span, { name: name.name }, { labels: [first] });
  return false;
}
