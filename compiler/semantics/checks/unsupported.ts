import type { Clause, Identifier } from "../../syntax/ast.js";

/** What a clause is called when this version does not compile it; undefined when it does. */
export function unsupported(clause: Clause): string | undefined {
  switch (clause.kind) {
    case "space":
    case "shape":
    case "phase":
    case "input":
    case "table":
    case "let":
    case "assign":
    case "attend":
    case "emit":
    case "require":
    case "layout":
    case "probe":
    case "pool":
    case "select":
    // Reported where they stand.
    case "unit":
    case "group":
    case "keep":
    case "force":
    case "among":
    case "snap":
    case "at":
    case "reuse":
    case "branch":
    case "output":
      return undefined;
    case "accumulate":
      return "`+=`";
    default:
      return `\`${clause.kind}\``;
  }
}

/** The names that a clause declares, whether it is compiled or not. */
export function namesOf(clause: Clause): readonly Identifier[] {
  switch (clause.kind) {
    case "let":
    case "probe":
      return [clause.name];
    case "select":
    case "branch":
      return [clause.name];
    case "input":
    case "table":
    case "pool":
      return clause.names;
    default:
      return [];
  }
}
