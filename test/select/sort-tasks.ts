import { compiledModule } from "../oracle/agreement.js";
import { bodyOf, programOf } from "../oracle/programs.js";
import { callOf } from "./arbitrary.js";
import type { StagesTask } from "./check-stages.js";

/** Sums of few of these are exact, often alike, and some are no numbers or infinite. */
const SCORES = [-1, 0, -0, 1, 2, NaN, Infinity];

/** Keys sorted by scores with ties and NaN: segments of one and of several words, whole ones, short ones, and fewer keys than a word. */
export function sortTasks(): readonly StagesTask[] {
  return [32, 96].map((segment): StagesTask => {
    const text = bodyOf(`space seq causal
      shape dim: 4
      layout permute(k: sort(sum(k, over: dim), segment: ${segment}))
      attend q - k < 9`);
    const [heads, kvHeads] = [4, 2];
    const module = compiledModule(programOf(text), "a", { N: 300, NQ: 300, heads, kvHeads });
    const lengths = [192, 250, 7];
    return { module, calls: lengths.map((N, seed) => callOf(module, { N, NQ: N, batch: 2, seed }, (next) => next.pick(SCORES))) };
  });
}
