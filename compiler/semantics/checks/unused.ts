import { report, type Context } from "../context.js";
import { describeSymbol } from "../scope.js";

/** Warns of parameters, lets, inputs, tables, branches, tensors and selections that nothing uses: a misspelling elsewhere, or a leftover. */
export function checkUnused(context: Context): void {
  for (const [name, symbol] of context.scope.all) {
    if (!["param", "let", "input", "table", "branch", "tensor", "select"].includes(symbol.kind)) continue;
    if (!context.scope.isUsed(name)) report(context, "ATTN2004", symbol.span, { kind: describeSymbol(symbol), name });
  }
}
