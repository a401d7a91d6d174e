import { illegal } from "./schedule.js";
import type { GridSchedule, Limits, MatrixShape, Problem, Profile, RowsSchedule, Schedule } from "./schedule.js";

/** All kinds of devices. */
export const PROFILES: readonly Profile[] = ["gpu", "software", "simd"];

/** Those that generated files carry kernels for, the default first: real GPUs, and software renderers where there is none. */
export const SHIPPED_PROFILES: readonly Profile[] = ["gpu", "software"];

/** What a profile offers, before the head dims and the device's limits have their say. */
type Candidate =
  | Pick<GridSchedule, "layout" | "tileQ" | "tileK" | "rowThreads" | "columnThreads" | "exchange" | "matrices">
  | Pick<RowsSchedule, "layout" | "tileQ" | "tileK" | "rowsPerThread" | "keysPerStep">;

const grid = (
  tileQ: number,
  tileK: number,
  rowThreads: number,
  columnThreads: number,
  exchange: GridSchedule["exchange"] = "memory",
): Candidate => ({
  layout: "grid",
  tileQ,
  tileK,
  rowThreads,
  columnThreads,
  exchange,
});

const rows = (threads: number, rowsPerThread: number, keysPerStep: number, tileK: number): Candidate => ({
  layout: "rows",
  tileQ: threads * rowsPerThread,
  tileK,
  rowsPerThread,
  keysPerStep,
});

/** A grid whose threads leave the products to matrix units. */
const matrices = (size: 8 | 16, component: MatrixShape["component"]): Candidate => ({
  layout: "grid",
  tileQ: 32,
  tileK: 32,
  rowThreads: 8,
  columnThreads: 8,
  exchange: "memory",
  matrices: { m: size, n: size, k: size, component, result: "f32" },
});

/**
 * Candidates by profile, best first. GPUs want many threads with small register blocks. Software
 * devices run a thread on a part of one core's vector unit and want large ones: there a load costs
 * many multiply-adds, so what counts is how many of these each load serves.
 */
const candidates: Record<Profile, readonly Candidate[]> = {
  gpu: [
    grid(32, 32, 8, 8),
    grid(64, 32, 16, 8),
    grid(32, 64, 8, 16),
    grid(64, 64, 16, 16),
    grid(64, 32, 8, 8),
    grid(16, 32, 4, 8),
    grid(32, 32, 8, 8, "subgroups"),
    grid(64, 32, 16, 8, "subgroups"),
    grid(64, 64, 16, 16, "subgroups"),
    matrices(8, "f32"),
    matrices(8, "f16"),
    matrices(16, "f16"),
  ],
  software: [
    grid(32, 32, 4, 4),
    grid(32, 32, 4, 8),
    grid(32, 32, 8, 8),
    grid(64, 32, 8, 4),
    grid(64, 32, 8, 8),
    grid(32, 32, 4, 4, "subgroups"),
  ],
  simd: [rows(8, 8, 2, 32), rows(8, 8, 1, 32), rows(8, 4, 2, 32), rows(8, 4, 1, 32), grid(32, 32, 4, 4), grid(32, 32, 4, 8)],
};

/**
 * Software devices gain nothing by a second loop: the mask costs them next to nothing in full tiles, and twice the text
 * seconds of compiling.
 */
const loops: Record<Profile, Schedule["loops"]> = { gpu: "two", software: "one", simd: "one" };

/** Most vec4 accumulators of the output per thread of a grid: past this, compilers spill or take seconds. */
const MOST_ACCUMULATORS = 32;

/** All schedules of a profile that are legal for a problem under the limits, best first, each with a name of its own. */
export function legalSchedules(profile: Profile, problem: Problem, half: Schedule["half"], limits?: Limits): readonly Schedule[] {
  return [...inOrder(profile, problem, half, limits)];
}

function* inOrder(profile: Profile, problem: Problem, half: Schedule["half"], limits?: Limits): Generator<Schedule> {
  const spacious = candidates[profile].filter((c) => accumulators(c, problem) <= MOST_ACCUMULATORS);
  const cramped = candidates[profile].filter((c) => accumulators(c, problem) > MOST_ACCUMULATORS);
  // Of those that spill, the one that spills least comes first.
  cramped.sort((a, b) => accumulators(a, problem) - accumulators(b, problem));
  const base = `${problem.dtype}${half === "packed" ? "-packed" : ""}-${profile}`;
  let first = true;
  for (const candidate of [...spacious, ...cramped]) {
    const schedule = complete(candidate, profile, problem, half, limits);
    if (schedule === undefined) continue;
    yield { ...schedule, name: first ? base : `${base}-${shapeName(schedule)}` };
    first = false;
  }
}

/** The schedule for a problem on a kind of device: legal under the limits by construction. */
export function chooseSchedule(profile: Profile, problem: Problem, half: Schedule["half"], limits?: Limits): Schedule {
  // Only as far as the first.
  for (const best of inOrder(profile, problem, half, limits)) return best;
  throw new Error(`no legal schedule for head dim ${problem.headDim}, value dim ${problem.valueDim}`);
}

function accumulators(c: Candidate, p: Problem): number {
  // Whole rows in registers are the point of that layout: `illegal` bounds them.
  return c.layout === "grid" ? (c.tileQ / c.rowThreads) * Math.ceil(p.valueDim / 4 / c.columnThreads) : 0;
}

/** Tile sizes and threads, for telling schedules of one profile apart. */
function shapeName(s: Schedule): string {
  const threads = s.layout === "grid" ? `${s.rowThreads}x${s.columnThreads}` : `${s.rowsPerThread}by${s.keysPerStep}`;
  return `${s.tileQ}x${s.tileK}-${s.layout}-${threads}${s.layout === "grid" ? unitsName(s) : ""}`;
}

function unitsName({ exchange, matrices: shape }: GridSchedule): string {
  if (shape !== undefined) return `-matrices-${shape.m}x${shape.n}x${shape.k}-${shape.component}`;
  return exchange === "subgroups" ? "-subgroups" : "";
}

function complete(c: Candidate, profile: Profile, problem: Problem, half: Schedule["half"], limits?: Limits): Schedule | undefined {
  const common = { name: "", profile, half, loops: loops[profile] };
  if (c.layout === "rows") {
    const schedule = { ...common, ...c };
    return illegal(schedule, problem, limits) === undefined ? schedule : undefined;
  }
  for (const keepQuery of [true, false]) {
    for (let chunk = Math.min(problem.headDim, 64); chunk >= 4; chunk -= 4) {
      // A kept query is worth it only while the keys still come in chunks of a fair size.
      if (keepQuery && chunk < 16 && problem.headDim >= 16) break;
      const schedule = { ...common, ...c, chunk, keepQuery };
      if (illegal(schedule, problem, limits) === undefined) return schedule;
    }
  }
  return undefined;
}
