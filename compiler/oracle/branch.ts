import type { AttendClause, BlockClause, Clause, InputClause } from "../syntax/ast.js";
import { evaluate } from "./expressions.js";
import { OracleError, type OracleDeclaration } from "./program.js";
import type { OracleLaunch, Place } from "./scope.js";
import { fixed } from "./values.js";

/**
 * One branch of an attention as if it were an attention of its own: the clauses around the branches, and then those of
 * its body. `o` is the attention's own `attend`. Inputs that are not given are left out: the branch reads none of them.
 */
export function branchOf({ node, home }: OracleDeclaration, branch: string, launch: OracleLaunch): OracleDeclaration {
  const given = (clause: Clause): Clause =>
    clause.kind === "input" ? { ...clause, names: clause.names.filter(({ name }) => launch.inputs?.[name] !== undefined) } : clause;
  const around = node.body.clauses.filter((clause) => clause.kind !== "branch" && clause.kind !== "output").map(given);
  const found = node.body.clauses.find((clause): clause is BlockClause => clause.kind === "branch" && clause.name.name === branch);
  if (found === undefined && branch !== "o") throw new OracleError(`${node.name.name} has no branch ${branch}`);
  const clauses = [...around, ...(found?.body.clauses ?? [])];
  return { node: { ...node, body: { ...node.body, clauses } }, home };
}

/** The windows that a body attends from; undefined where it attends to single keys. Sizes are read in the place, by its parameters. */
export function windowsOf(attention: OracleDeclaration, { node }: OracleDeclaration, place: Place): Place["windows"] {
  const attend = node.body.clauses.find((clause): clause is AttendClause => clause.kind === "attend");
  const name = attend?.from?.key.name;
  if (name === undefined) return undefined;
  const inputs = attention.node.body.clauses.filter((clause): clause is InputClause => clause.kind === "input");
  const type = inputs.find((clause) => clause.names.some((each) => each.name === name))?.type;
  if (type?.kind !== "call") throw new OracleError(`${name} is not pooled`);
  const [n, stride] = type.args.map((arg) => fixed(evaluate(arg.value, place)));
  return { n: n!, stride: stride! };
}
