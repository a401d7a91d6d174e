import type { Declaration } from "../syntax/ast.js";
import { report, type Context } from "./context.js";
import { declareName } from "./declare-name.js";
import { checkExpr, errorAt, expectConstant } from "./expressions.js";
import type { ParamModel } from "./model.js";
import * as T from "./types.js";

/** The parameters of a declaration, declared as names; a default may use the parameters before it. */
export function checkParams(declaration: Declaration, context: Context): readonly ParamModel[] {
  const params: ParamModel[] = [];
  for (const node of declaration.params) context.scope.announce(node.name.name, node.name.span);
  for (const node of declaration.params) {
    const { name, span } = node.name;
    let value = expectConstant(checkExpr(node.value, context), context, `the default of \`${name}\``);
    let runtime = node.runtime;
    if (runtime && declaration.kind !== "attention") {
      report(context, "ATTN2208", node.span, { what: "a runtime parameter", kind: declaration.kind });
      runtime = false;
    }
    if (value.type.kind === "phase" || (runtime && value.type.kind !== "int" && value.type.kind !== "error")) {
      report(context, "ATTN2116", node.value.span, {
        name,
        expected: runtime ? "an integer, because it is a runtime parameter" : "a number or a boolean",
        found: T.describe(value.type),
      });
      value = errorAt(node.value.span);
    }
    const type = value.type.kind === "int" ? T.integer() : value.type;
    const param: ParamModel = { name, runtime, type, value, span };
    if (declareName(node.name, value.type.kind === "error" ? { kind: "error", span } : { kind: "param", param, span }, context)) {
      params.push(param);
    }
  }
  return params;
}
