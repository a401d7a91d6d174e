import { illegal } from "./schedule.js";
import type { Limits, Problem, Profile, Schedule } from "./schedule.js";

/** The shape of a thread grid; the chunk follows from the head dim. */
interface Grid {
  readonly tileQ: number;
  readonly tileK: number;
  readonly rowThreads: number;
  readonly columnThreads: number;
}

/**
 * Thread grids by profile, best first; the first whose accumulators stay small is taken.
 * Software devices run one thread on one core's vector unit and want large register blocks;
 * GPUs want many threads with small ones.
 */
const grids: Record<Profile, readonly Grid[]> = {
  software: [
    { tileQ: 32, tileK: 32, rowThreads: 4, columnThreads: 4 },
    { tileQ: 32, tileK: 32, rowThreads: 4, columnThreads: 8 },
    { tileQ: 32, tileK: 32, rowThreads: 8, columnThreads: 8 },
  ],
  gpu: [{ tileQ: 32, tileK: 32, rowThreads: 8, columnThreads: 8 }],
};

/** Most vec4 accumulators of the output per thread: past this, compilers spill or take seconds. */
const MOST_ACCUMULATORS = 32;

/** The schedule for a problem on a kind of device: legal under the limits by construction. */
export function chooseSchedule(profile: Profile, problem: Problem, half: Schedule["half"], limits?: Limits): Schedule {
  const candidates = grids[profile];
  const grid =
    candidates.find((g) => (g.tileQ / g.rowThreads) * Math.ceil(problem.valueDim / 4 / g.columnThreads) <= MOST_ACCUMULATORS) ??
    candidates[candidates.length - 1]!;
  for (const keepQuery of [true, false]) {
    for (let chunk = Math.min(problem.headDim, 64); chunk >= 4; chunk -= 4) {
      const name = `${problem.dtype}${half === "packed" ? "-packed" : ""}-${profile}`;
      const schedule: Schedule = { name, profile, ...grid, chunk, keepQuery, half };
      // A kept query is worth it only while the keys still come in chunks of a fair size.
      if (keepQuery && chunk < 16 && problem.headDim >= 16) break;
      if (!illegal(schedule, problem, limits)) return schedule;
    }
  }
  throw new Error(`no legal schedule for head dim ${problem.headDim}, value dim ${problem.valueDim}`);
}
