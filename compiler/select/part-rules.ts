import type { PartRules } from "../../runtime/launch/module.js";
import type { Stage } from "./ir.js";
import { readsOf, walkReals } from "./walk.js";

/**
 * Into which parts a launch may divide a call. A strip is made of whole units of all rows in the loops. Heads may be
 * divided where no stage puts those of several kv heads together.
 */
export function partRules(stages: readonly Stage[]): PartRules {
  const units = stages
    .filter(({ strips }) => strips !== undefined)
    .flatMap((stage) => [stage.to, ...readsOf(stage)].flatMap(({ rowUnit }) => rowUnit ?? []));
  return { ...(units.length === 0 ? {} : { unit: units.reduce(commonMultiple) }), heads: !stages.some(joinsHeads) };
}

function joinsHeads(stage: Stage): boolean {
  if (stage.to.heads !== "one") return false;
  let joins = readsOf(stage).some(({ heads }) => heads !== "one");
  walkReals(stage, ({ kind }) => (joins ||= kind === "query" || kind === "key" || kind === "input" || kind === "scalar"));
  return joins;
}

const commonMultiple = (a: number, b: number): number => (a / commonDivisor(a, b)) * b;
const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b));
