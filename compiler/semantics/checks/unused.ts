import { report, type Context } from "../context.js";
import { describeSymbol } from "../scope.js";

/** Warns of parameters, lets, inputs and tables that nothing uses: a misspelling elsewhere, or a leftover. */
export function checkUnused(context: Context): void {
  for (const [name, symbol] of context.scope.all) {
    if (symbol.kind !== "param" && symbol.kind !== "let" && symbol.kind !== "input" && symbol.kind !== "table") continue;
    if (!context.scope.isUsed(name)) report(context, "ATTN2004", symbol.span, { kind: describeSymbol(symbol), name });
  }
}
