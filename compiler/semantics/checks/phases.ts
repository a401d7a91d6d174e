import type { Clause } from "../../syntax/ast.js";
import type { Context } from "../context.js";
import { declareName } from "../declare-name.js";

/** The phases of an attention, declared as names: those of its `phase` clause, else those that its `assign` clauses name. */
export function checkPhases(clauses: readonly Clause[], context: Context): readonly string[] {
  const clause = clauses.find((each) => each.kind === "phase");
  const assigned = clauses.flatMap((each) => (each.kind === "assign" && each.body.kind === "cases" && each.phase ? [each.phase] : []));
  const phases: string[] = [];
  for (const identifier of clause?.names ?? assigned) {
    const { name, span } = identifier;
    if (clause === undefined && phases.includes(name)) continue;
    if (declareName(identifier, { kind: "phase", name, span }, context)) phases.push(name);
  }
  return phases;
}
