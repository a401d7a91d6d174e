import type { StagesTask } from "./check-stages.js";
import { compiledModule } from "../oracle/agreement.js";
import { bodyOf, programOf } from "../oracle/programs.js";
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
  const tasks = Object.values(POLICIES).map((module) => ({
    module,
    calls: lengths.map(([N, NQ], seed) => callOf(module, { N, NQ, batch: 1, seed }, (next) => next.normal())),
  }));
  return [...tasks, clusterTask()];
}

/** Clusters of queries and of keys, of more tokens than are counted at a time. */
function clusterTask(): StagesTask {
  const text = bodyOf(`space seq causal
    shape dim: 8
    select c { unit q: cluster(5, iters: 0), k: cluster(40, iters: 1); score softmax(dot(mean(q), mean(k)) * scale + log(size(k))); keep top_p(0.5) }
    attend c`);
  const env = { N: 300, NQ: 270, heads: 2, kvHeads: 1 };
  const module = compiledModule(programOf(text), "a", env);
  return { module, calls: [callOf(module, { N: env.N, NQ: env.NQ, batch: 1, seed: 3 }, (next) => next.normal())] };
}
