import type { AssignClause } from "../../syntax/ast.js";
import { checkApply } from "../calls.js";
import { report, type Context } from "../context.js";
import { checkBool, errorAt, hint } from "../expressions.js";
import type { AssignGroup, TableModel } from "../model.js";
import { patternTerm } from "../pattern-term.js";
import { checkCondition } from "../tensors/flag.js";
import { Depends, type Typed } from "../typed.js";

/** One `assign` clause. Undefined when it cannot be used. */
export function checkAssign(clause: AssignClause, phases: readonly string[], context: Context): AssignGroup | undefined {
  if (clause.body.kind === "names") return checkTableAssign(clause, clause.body.names, context);
  const { cases, otherwise } = clause.body;
  const phase = clause.phase?.name;
  if (clause.phase !== undefined && phase !== undefined && !phases.includes(phase)) {
    report(context, "ATTN2215", clause.phase.span, { name: phase }, hint(phase, phases));
  }
  const choice = {
    kind: "cases" as const,
    cases: cases.map((each) => ({ when: checkWhen(each.when, context), value: checkBool(each.value, context, "a case of `assign`") })),
    otherwise: checkBool(otherwise, context, "a case of `assign`"),
  };
  return { phase, choice, span: clause.span };
}

/** A condition of `assign` decides for a whole head: it must not differ from pair to pair. */
function checkWhen(expr: Parameters<typeof checkBool>[0], context: Context): Typed {
  const when = checkCondition(expr, context, "`when`");
  if ((when.depends & Depends.pair) === 0) return when;
  report(context, "ATTN2216", when.span, {});
  return errorAt(when.span);
}

/** `assign best { a_shape, block_sparse }`: the table names each head's pattern; the list says which ones it may name. */
function checkTableAssign(
  clause: AssignClause,
  names: readonly { readonly name: string; readonly span: AssignClause["span"] }[],
  context: Context,
): AssignGroup | undefined {
  const name = clause.phase;
  const symbol = name === undefined ? undefined : context.scope.find(name.name);
  if (symbol?.kind === "error") return undefined;
  if (name === undefined || symbol?.kind !== "table" || symbol.table.patterns === undefined) {
    report(context, "ATTN2222", name?.span ?? clause.span, {});
    return undefined;
  }
  const { table } = symbol;
  let failed = false;
  for (const each of names) {
    // A bare application checks that the name is a pattern.
    if (!context.items.items.has(each.name)) {
      report(context, "ATTN2005", each.span, { name: each.name }, hint(each.name, context.items.items.keys()));
      failed = true;
    } else if (checkApply(each, [], each.span, context).type.kind === "error") failed = true;
  }
  if (failed) return undefined;
  const allowed = names.map((each) => each.name);
  const terms = (table.patterns ?? []).map((cell) => patternTerm(cell, allowed, context));
  if (terms.some((term) => term.type.kind === "error")) return undefined;
  return { choice: { kind: "table", table: table as TableModel, terms }, span: clause.span };
}
