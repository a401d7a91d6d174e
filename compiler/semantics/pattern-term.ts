import { report, type Context } from "./context.js";
import { errorAt, hint } from "./expressions.js";
import type { ParamModel, PatternCell } from "./model.js";
import { Depends, type Typed } from "./typed.js";
import * as T from "./types.js";

/** The mask term that a cell of a table of patterns names; what is wrong is reported at the cell. */
export function patternTerm(cell: PatternCell, allowed: readonly string[], context: Context): Typed {
  const item = allowed.includes(cell.pattern) ? context.items.items.get(cell.pattern) : undefined;
  if (item?.kind !== "pattern") {
    report(context, "ATTN2308", cell.span, { name: cell.pattern, allowed: allowed.join(", ") }, hint(cell.pattern, allowed));
    return errorAt(cell.span);
  }
  const { pattern } = item;
  const args = new Map<ParamModel, Typed>();
  for (const [i, arg] of cell.args.entries()) {
    const param = arg.name === undefined ? pattern.params[i] : pattern.params.find((p) => p.name === arg.name);
    if (param === undefined) {
      const names = pattern.params.map((p) => p.name);
      const have = names.length === 0 ? "it takes none" : `it takes ${names.join(", ")}`;
      report(context, "ATTN2105", cell.span, { name: pattern.name, label: arg.name ?? `argument ${i + 1}`, have });
      return errorAt(cell.span);
    }
    const type: T.Type = typeof arg.value === "boolean" ? T.bool : Number.isInteger(arg.value) ? T.integer() : T.float;
    if (param.type.kind === "float" ? !T.isNumber(type) : param.type.kind !== type.kind) {
      const where = `\`${param.name}\` of \`${pattern.name}\``;
      report(context, "ATTN2108", cell.span, { where, expected: T.describe(param.type), found: T.describe(type) });
      return errorAt(cell.span);
    }
    args.set(param, { kind: "constant", value: arg.value, type, depends: Depends.nothing, span: cell.span });
  }
  return { kind: "apply", pattern, args, type: T.bool, depends: Depends.pair, span: cell.span };
}
