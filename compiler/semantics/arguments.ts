import type { Span } from "../source/file.js";
import type { Arg, Expr } from "../syntax/ast.js";
import { report, type Context } from "./context.js";
import { hint } from "./expressions.js";

interface Parameter {
  readonly name: string;
  readonly required: boolean;
}

interface Call {
  readonly callee: { readonly name: string; readonly span: Span };
  readonly args: readonly Arg[];
  readonly span: Span;
}

/**
 * Which argument goes to which parameter: those with a label by name, the others in order.
 * Undefined when something does not fit, which has then been reported.
 */
export function matchArguments(call: Call, parameters: readonly Parameter[], context: Context): ReadonlyMap<string, Expr> | undefined {
  const { name } = call.callee;
  const matched = new Map<string, Expr>();
  let failed = false;
  let next = 0;
  for (const arg of call.args) {
    if (arg.label === undefined) {
      const parameter = parameters[next++];
      if (parameter === undefined) {
        report(context, "ATTN2107", arg.span, { name, most: mostly(parameters.length) });
        return undefined;
      }
      if (matched.has(parameter.name)) {
        report(context, "ATTN2123", arg.span, { name, parameter: parameter.name });
        failed = true;
      }
      matched.set(parameter.name, arg.value);
      continue;
    }
    const label = arg.label.text;
    if (!parameters.some((parameter) => parameter.name === label)) {
      const names = parameters.map((parameter) => parameter.name);
      const have = names.length === 0 ? "it takes none" : `it takes ${names.join(", ")}`;
      report(context, "ATTN2105", arg.label.span, { name, label, have }, hint(label, names));
      failed = true;
    } else if (matched.has(label)) {
      report(context, "ATTN2123", arg.span, { name, parameter: label });
      failed = true;
    } else matched.set(label, arg.value);
  }
  if (failed) return undefined;
  const missing = parameters.find((parameter) => parameter.required && !matched.has(parameter.name));
  if (missing !== undefined) {
    report(context, "ATTN2106", call.span, { name, parameter: missing.name });
    return undefined;
  }
  return matched;
}

function mostly(count: number): string {
  if (count === 0) return "no arguments";
  return count === 1 ? "only one argument" : `at most ${count} arguments`;
}
