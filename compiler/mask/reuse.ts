import type { ReuseRule, ScalarEnv } from "../../runtime/launch/module.js";
import { evaluateBool, evaluateInt, evaluateScalars, type PairEnv } from "./evaluate.js";
import type { MaskModule } from "./ir.js";
import type { SelectionItem } from "./selection.js";

/** Whether launches make each selection of a module or are given it back, by their layer and step; undefined where all are made. */
export function reuseRules(module: MaskModule): ((env: ScalarEnv) => readonly ReuseRule[]) | undefined {
  const { selections = [] } = module;
  if (!selections.some((each) => each.kind === "selection" && each.reuse !== undefined)) return undefined;
  return (env) => {
    const all = { ...env, heads: 1, kvHeads: 1 };
    const at: PairEnv = { env: all, scalars: evaluateScalars(module, all, env.h), b: 0, h: env.h, q: 0, k: 0 };
    return selections.map((each) => ruleOf(each, at));
  };
}

/**
 * The matrices of the queries that selections were made for, by the names of the selections: of those that are kept while their
 * queries are alike. None has the name of an input or of a selection.
 */
export function rememberedQueries({ selections = [], inputs, floatInputs = [] }: RememberingModule): ReadonlyMap<string, string> {
  const taken = new Set([...inputs, ...floatInputs, ...selections].map(({ name }) => name));
  const names = new Map<string, string>();
  for (const each of selections) {
    if (each.kind !== "selection" || each.reuse?.kind !== "while") continue;
    let name = `${each.name}_query`;
    for (let i = 2; taken.has(name); i++) name = `${each.name}_query_${i}`;
    taken.add(name);
    names.set(each.name, name);
  }
  return names;
}

type RememberingModule = Pick<MaskModule, "selections" | "inputs" | "floatInputs">;

function ruleOf(item: SelectionItem, at: PairEnv): ReuseRule {
  if (item.kind !== "selection" || item.reuse === undefined) return "made";
  const { reuse } = item;
  if (reuse.kind === "while") return "either";
  if (reuse.kind === "layers") return evaluateBool(reuse.at, at) ? "made" : "given";
  return (at.env.step ?? 0) % evaluateInt(reuse.steps, at) === 0 ? "made" : "either";
}
