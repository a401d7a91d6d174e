import type { DeviceProfile } from "../../runtime/index.js";
import type { Contestant, Runner, Timing, TimingJob } from "./contestant.js";
import { outputError } from "./error.js";
import { prepareOwn } from "./own.js";

/** What times contestants: a device, and the peer where it can be had. */
export interface Arena {
  readonly device: GPUDevice;
  readonly profile: DeviceProfile;
  /** Makes a peer's contestant ready; throws where the peer is missing. */
  readonly preparePeer: (contestant: Extract<Contestant, { kind: "peer" }>) => Promise<Runner>;
}

interface Entry {
  readonly contestant: Contestant;
  readonly times: number[];
  /** Milliseconds of the warm-up. */
  warmUp: number;
  runner?: Runner;
  timing?: Omit<Timing, "label" | "times">;
}

/**
 * Times the contestants in turns (A B C, A B C, …) after a warm-up, and compares their outputs with float64.
 * What fails is a timing that says why: the others go on.
 */
export async function timeInTurns(arena: Arena, job: TimingJob, progress: (text: string) => void): Promise<readonly Timing[]> {
  const entries: Entry[] = job.contestants.map((contestant) => ({ contestant, times: [], warmUp: 0 }));
  for (const entry of entries) {
    progress(`${entry.contestant.label}: compiling and warming up`);
    await guard(entry, async () => {
      entry.runner = await prepare(arena, entry.contestant);
      entry.warmUp = await entry.runner.time();
    });
  }
  for (let run = 0; run < job.runs; run++) {
    for (const entry of entries) {
      if (entry.timing?.failure !== undefined || sitsOut(entry, job)) continue;
      progress(`${entry.contestant.label}: run ${run + 1} of ${job.runs}`);
      await guard(entry, async () => void entry.times.push(await entry.runner!.time()));
    }
  }
  for (const entry of entries) {
    progress(`${entry.contestant.label}: comparing with float64`);
    await guard(entry, () => compare(entry));
    await entry.runner?.destroy();
  }
  return entries.map(({ contestant, times, timing }) => {
    return { label: contestant.label, times: timing?.failure === undefined ? times : [], ...timing };
  });
}

const prepare = (arena: Arena, contestant: Contestant): Promise<Runner> =>
  contestant.kind === "own" ? prepareOwn(arena.device, arena.profile, contestant) : arena.preparePeer(contestant);

const sitsOut = ({ times, warmUp }: Entry, job: TimingJob): boolean =>
  times.length > 0 && times.reduce((sum, time) => sum + time, warmUp) > job.seconds * 1000;

async function compare(entry: Entry): Promise<void> {
  const { runner, contestant, timing } = entry;
  if (runner === undefined || timing?.failure !== undefined) return;
  const out = await runner.output();
  const error = out && outputError(contestant.workload, (_, h, q, k) => runner.mask(h, q, k), out);
  entry.timing = { error, kernel: runner.kernel, density: runner.density?.(), passes: runner.passes?.(), order: await runner.order?.() };
}

async function guard(entry: Entry, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    entry.timing = { failure: (error instanceof Error ? error.message : String(error)).split("\n").slice(0, 3).join(" ") };
  }
}
