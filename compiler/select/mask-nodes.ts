import type { BoolExpr, IntExpr } from "../mask/ir.js";
import type { Cond, Int, SelectionProgram, Stage } from "./ir.js";
import { realInts, stageConds, stageInts, walkInts, walkReals } from "./walk.js";

/** The expressions of the mask that a stage holds: those in lengths, parameters and host scalars, and those over pairs. */
export function maskNodes(stage: Stage): readonly (IntExpr | BoolExpr)[] {
  const found: (IntExpr | BoolExpr)[] = [];
  const int = (a: Int): void => {
    if (a.kind === "mask") found.push(a.expr);
    else if (a.kind === "token" || a.kind === "id") int(a.place);
    else if ("a" in a) {
      int(a.a);
      int(a.b);
    }
  };
  const cond = (each: Cond): void => {
    switch (each.kind) {
      case "mask":
        found.push(each.expr);
        break;
      case "lt":
      case "le":
        int(each.a);
        int(each.b);
        break;
      case "and":
      case "or":
        each.items.forEach(cond);
        break;
      case "not":
        cond(each.a);
        break;
      case "bit":
        int(each.row);
        int(each.column);
        break;
    }
  };
  stageInts(stage).forEach(int);
  stageConds(stage).forEach(cond);
  walkReals(stage, (value) => {
    realInts(value).forEach(int);
    if (value.kind === "choose") cond(value.cond);
    if (value.kind === "loop" && value.where !== undefined) cond(value.where);
  });
  if (stage.kind === "pairs") found.push(stage.pairs);
  return found;
}

/** Whether a stage asks for the token at a place. */
export function usesTokens({ stages }: SelectionProgram): boolean {
  return stages.some((stage) => {
    let uses = false;
    walkInts(stage, ({ kind }) => (uses ||= kind === "token"));
    return uses;
  });
}

/** The inputs whose ids stages read. */
export function idInputs({ stages }: SelectionProgram): readonly string[] {
  const found = new Set<string>();
  for (const stage of stages) walkInts(stage, (a) => a.kind === "id" && found.add(a.input));
  return [...found];
}
