import type { SelectionStage } from "../../runtime/launch/module.js";

/** A pass is encoded so often at a time that it takes about so many milliseconds, or as often as is allowed. */
const LEAST_MS = 20;
const MOST_REPEATS = 64;

/** The milliseconds of the stages of an operator's selections, each by itself. */
export interface PassTimer {
  /** Runs each stage once more; the milliseconds of all of them together. The first round, the warm-up, finds out how often they are run at a time. */
  round(): Promise<number>;
  /** `[stage][round]`, without the warm-up. */
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
  const repeats: number[] = [];
  return {
    round: async () => {
      show(all);
      await run(1);
      let sum = 0;
      for (const [i, stage] of all.entries()) {
        show([stage]);
        const known = repeats[i];
        if (known === undefined) repeats[i] = await enough(run);
        else times[i]!.push(await run(known));
        sum += times[i]!.at(-1) ?? 0;
      }
      return sum;
    },
    times: () => times,
  };
}

/** How many launches take long enough: one by itself is mostly what it costs to start it. */
async function enough(run: (launches: number) => Promise<number>): Promise<number> {
  await run(1);
  let launches = 1;
  while (launches < MOST_REPEATS && (await run(launches)) * launches < LEAST_MS) launches *= 4;
  return launches;
}
