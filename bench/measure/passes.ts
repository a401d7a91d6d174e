import type { SelectionStage } from "../../runtime/launch/module.js";

/** A pass is encoded so often at a time that it takes about so many milliseconds, or as often as is allowed. */
const LEAST_MS = 20;
const MOST_REPEATS = 64;

/** The milliseconds of the stages of an operator's selections, each by itself. */
export interface PassTimer {
  /** Runs each stage once more; the milliseconds of all of them together. */
  round(): Promise<number>;
  /** `[stage][round]`, but for the first round: the warm-up. */
  times(): readonly (readonly number[])[];
}

/**
 * Times the stages one by one on what all of them together left in the buffers: a stage reads what those before it made,
 * and makes the same as before. `current` is the list of stages that a launch goes by, and `run` encodes so many launches
 * into one submission and gives the milliseconds of each.
 */
export function passTimer(current: SelectionStage[], run: (launches: number) => Promise<number>): PassTimer {
  const all = [...current];
  const times: number[][] = all.map(() => []);
  const show = (stages: readonly SelectionStage[]): void => void current.splice(0, current.length, ...stages);
  let repeats: readonly number[] | undefined;
  return {
    round: async () => {
      show(all);
      await run(1);
      const found: number[] = [];
      for (const [i, stage] of all.entries()) {
        show([stage]);
        found.push(await run(repeats?.[i] ?? 1));
      }
      if (repeats === undefined) repeats = found.map((ms) => Math.min(Math.max(Math.round(LEAST_MS / ms), 1), MOST_REPEATS));
      else found.forEach((ms, i) => times[i]!.push(ms));
      return found.reduce((sum, ms) => sum + ms, 0);
    },
    times: () => times,
  };
}
