import type { Identifier, LetClause, PoolClause, ProbeClause } from "../../syntax/ast.js";
import type { Expr } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";
import { declareName } from "../declare-name.js";
import { checkTensor } from "../tensors/check.js";
import type { TensorLet } from "../tensors/model.js";

/** `probe p = …`: a tensor with a name. */
export function checkProbe(clause: ProbeClause, context: Context): void {
  declareTensor("probe", clause.name, clause.value, context);
}

/** `let x = …` of a tensor. */
export function checkTensorLet(clause: LetClause, context: Context): void {
  declareTensor("let", clause.name, clause.value, context);
}

/** `pool low, high = min(k, 16), max(k, 16)`: tensors of the keys. */
export function checkPool(clause: PoolClause, context: Context): void {
  if (clause.names.length !== clause.values.length) {
    const [names, values] = [clause.names.length, clause.values.length];
    report(context, "ATTN2333", clause.span, { names, values });
    for (const name of clause.names) declareName(name, { kind: "error", span: name.span }, context);
    return;
  }
  clause.names.forEach((name, i) => declareTensor("pool", name, clause.values[i]!, context));
}

function declareTensor(clause: TensorLet["clause"], { name, span }: Identifier, expr: Expr, context: Context): void {
  const value = checkTensor(expr, { context });
  let failed = value.kind === "error";
  if (!failed && clause === "pool" && value.shape.rows) {
    report(context, "ATTN2328", expr.span, { has: "queries" });
    failed = true;
  }
  declareName({ name, span }, failed ? { kind: "error", span } : { kind: "tensor", tensor: { name, clause, value, span }, span }, context);
}
