import type { StagesTask } from "./check-stages.js";
import { callOf } from "./arbitrary.js";
import { POLICIES } from "./policies.js";

/** Published rules on random numbers: all queries of a call, some, and one. */
export function policyTasks(
  lengths: readonly (readonly [N: number, NQ: number])[] = [
    [200, 200],
    [133, 60],
    [70, 1],
  ],
): readonly StagesTask[] {
  return Object.values(POLICIES).map((module) => ({
    module,
    calls: lengths.map(([N, NQ], seed) => callOf(module, { N, NQ, batch: 1, seed }, (next) => next.normal())),
  }));
}
