import type { ShapeClause } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { checkConstantInt, hint } from "../expressions.js";
import type { ShapeField, ShapeModel } from "../model.js";

const sizes = ["heads", "kv_heads", "dim", "value_dim"] as const;
const dtypes = ["f16", "f32", "bf16"] as const;

export function checkShape(clause: ShapeClause, context: Context): ShapeModel {
  const fields: ShapeField[] = [];
  let dtype: ShapeModel["dtype"];
  const seen = new Map<string, ShapeClause["span"]>();
  for (const { name, value } of clause.fields) {
    const first = seen.get(name.name);
    if (first !== undefined) {
      report(context, "ATTN2202", name.span, { what: `the field \`${name.name}\`` }, { labels: [{ span: first, text: "the first one" }] });
      continue;
    }
    seen.set(name.name, name.span);
    const size = sizes.find((s) => s === name.name);
    if (size !== undefined) {
      const typed = checkConstantInt(value, context, `\`${size}\``);
      if (typed.type.kind !== "error") fields.push({ name: size, value: typed });
    } else if (name.name === "dtype") {
      dtype = dtypes.find((d) => value.kind === "name" && value.name === d);
      if (dtype === undefined) report(context, "ATTN2220", value.span, {});
    } else {
      report(context, "ATTN2209", name.span, { name: name.name }, hint(name.name, [...sizes, "dtype"]));
    }
  }
  return { fields, dtype, span: clause.span };
}
