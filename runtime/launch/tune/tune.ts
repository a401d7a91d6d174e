import type { AttentionBuffers } from "../attention-buffers.js";
import { resolveCall, resolveShape, type AttentionCall, type AttentionShape, type ResolvedCall, type ResolvedShape } from "../call.js";
import { AttnError } from "../errors.js";
import { USAGE_STORAGE } from "../gpu-flags.js";
import type { CsrArrays, InputArray } from "../input-arrays.js";
import { checkInputNames } from "../input-names.js";
import type { AttentionModule } from "../module.js";
import { createAttention, type AttentionOperator, type AttentionOptions } from "../operator.js";
import { profileOf, type DeviceProfile } from "../profile.js";
import { DTYPE_BYTES, tensorBytes } from "../host-tensors.js";
import { uploadInputs } from "../run.js";
import { RunBuffers } from "../run-buffers.js";
import type { SelectionArrays } from "../selection/arrays.js";
import { rememberTuned, type TunedStorage } from "../tuned.js";
import { kinship, variantsOfShape } from "../variant.js";
import { groupsOf, majority } from "./agreement.js";
import { countingData, peakedData, type CheckData } from "./check-data.js";
import { median, race } from "./race.js";

/** Tensors to measure with, as `run` takes them. Inputs of the declaration are needed; q, k and v are random where they are left out. */
export interface TuneArrays extends SelectionArrays {
  readonly q?: Float32Array | Uint16Array | undefined;
  readonly k?: Float32Array | Uint16Array | undefined;
  readonly v?: Float32Array | Uint16Array | undefined;
  readonly [input: string]: InputArray | CsrArrays | SelectionArrays[keyof SelectionArrays];
}

/** How far {@link tuneAttention} has come. */
export interface TuneProgress {
  /** The kernel that was compiled and checked, or timed, just now. */
  readonly variant: string;
  /** Steps that are over, of all. */
  readonly done: number;
  readonly of: number;
  /** Median milliseconds of a launch so far; undefined while kernels are compiled and checked. */
  readonly time?: number | undefined;
}

/** How {@link tuneAttention} measures. */
export interface TuneOptions {
  readonly arrays?: TuneArrays | undefined;
  /** Only these kernels, by name. All that were made for the present kind of device and its kin when left out. */
  readonly variants?: readonly string[] | undefined;
  /** The kind of device, instead of what the adapter's names say. */
  readonly profile?: DeviceProfile | undefined;
  /** As in `createAttention`. */
  readonly split?: AttentionOptions["split"];
  /** Most times that each kernel is timed; 9 when left out. Clearly slower ones drop out before. */
  readonly rounds?: number | undefined;
  /** Where the winner is remembered beyond this run of the program, for `createAttention`'s `tuned`. */
  readonly storage?: TunedStorage | undefined;
  readonly onProgress?: ((progress: TuneProgress) => void) | undefined;
  /** Ends the measurement between two steps: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What came of one kernel. */
export interface VariantTiming {
  readonly variant: string;
  /** Median time of a launch, from submission to completion; undefined where it was skipped. */
  readonly milliseconds?: number | undefined;
  /** Slowest run minus fastest, in milliseconds. */
  readonly spread?: number | undefined;
  /** Runs that were timed. */
  readonly runs: number;
  /** Why it was not timed: it does not run here, or its results are not those of the others. */
  readonly skipped?: string | undefined;
}

export interface TuneResult {
  readonly winner: string;
  /** In the order of the module's kernels. */
  readonly timings: readonly VariantTiming[];
}

/** What a call is measured on. */
interface Measurement {
  readonly device: GPUDevice;
  readonly module: AttentionModule;
  readonly shape: ResolvedShape;
  readonly call: ResolvedCall;
  readonly request: AttentionCall & TuneOptions;
  /** Throws the signal's reason once it is aborted. */
  readonly checkSignal: () => void;
}

const DEFAULT_ROUNDS = 9;

/** Errors that say that one kernel cannot run on a device, and nothing of others. */
const UNFIT = ["ATTN5101", "ATTN5102", "ATTN5104"];

/**
 * Measures which kernel of a module is the fastest on this device, for one call's lengths: compiles
 * each, compares their results with one another, times those that agree in turns, and remembers the
 * winner, which {@link createAttention} then uses on this device. Buffers are made and destroyed here;
 * the device should be idle meanwhile.
 *
 * A kernel whose results differ from those of most others by more than rounding explains is never the
 * winner, however fast. Rejects with an {@link AttnError}: those of `createAttention` and `run`,
 * ATTN5108 where kernels disagree and none has a majority, ATTN5109 where the storage fails.
 */
export async function tuneAttention(
  device: GPUDevice,
  module: AttentionModule,
  shape: AttentionShape,
  request: AttentionCall & TuneOptions,
): Promise<TuneResult> {
  const resolved = resolveShape(module, shape);
  const call = resolveCall(module, resolved, request);
  checkInputNames(module, request.arrays ?? {});
  const names = candidates(module, resolved, request.profile ?? profileOf(device.adapterInfo), request.variants);
  const rounds = checkRounds(request.rounds ?? DEFAULT_ROUNDS);
  const checkSignal = (): void => request.signal?.throwIfAborted();
  const measurement: Measurement = { device, module, shape: resolved, call, request, checkSignal };
  const of = names.length * (1 + rounds);
  const operators: AttentionOperator[] = [];
  try {
    const unfit = new Map<string, string>();
    const checker = checkerOf(measurement);
    let firstProblem: AttnError | undefined;
    for (const [i, variant] of names.entries()) {
      checkSignal();
      try {
        const operator = await createAttention(device, module, resolved, { variant, profile: request.profile, split: request.split });
        operators.push(operator);
        await checker.check(operator);
      } catch (error) {
        if (!(error instanceof AttnError) || !UNFIT.includes(error.code)) throw error;
        firstProblem ??= error;
        unfit.set(variant, `${error.code}: ${error.field}: expected ${error.expected}, found ${error.found}`);
      }
      request.onProgress?.({ variant, done: i + 1, of });
    }
    if (operators.length === 0) throw firstProblem!;
    const { trusted, doubts } = checker.judge(operators);
    const progress = (variant: string, times: readonly number[], done: number): void =>
      request.onProgress?.({ variant, done: names.length + (names.length - trusted.length) * rounds + done, of, time: median(times) });
    const times = await timeInTurns(measurement, trusted, rounds, progress);
    const timings = names.map((variant): VariantTiming => {
      const runs = times.get(variant);
      if (runs === undefined) return { variant, runs: 0, skipped: unfit.get(variant) ?? doubts.get(variant) };
      return { variant, milliseconds: median(runs), spread: Math.max(...runs) - Math.min(...runs), runs: runs.length };
    });
    const timed = timings.filter((each) => each.milliseconds !== undefined);
    const winner = timed.reduce((a, b) => (b.milliseconds! < a.milliseconds! ? b : a)).variant;
    await rememberTuned(device, module, resolved, winner, request.storage);
    return { winner, timings };
  } finally {
    for (const operator of operators) operator.destroy();
  }
}

function checkRounds(rounds: number): number {
  if (Number.isInteger(rounds) && rounds >= 1) return rounds;
  throw new AttnError("ATTN5212", {
    field: "rounds",
    expected: "a whole number of at least 1",
    found: String(rounds),
    remedy: `Leave it out for ${DEFAULT_ROUNDS}.`,
  });
}

/** The kernels to measure: those asked for, or those made for this kind of device and its kin, or all where there are none. */
function candidates(
  module: AttentionModule,
  shape: ResolvedShape,
  profile: DeviceProfile,
  only: readonly string[] | undefined,
): readonly string[] {
  const fitting = variantsOfShape(module, shape);
  const names = fitting.map((variant) => variant.name);
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined || only?.length === 0) {
    throw new AttnError("ATTN5103", {
      field: "variants",
      expected: `some of ${names.join(", ")}`,
      found: unknown ?? "none",
      remedy: "Leave `variants` out to measure all that suit the device.",
    });
  }
  if (only !== undefined) return names.filter((name) => only.includes(name));
  const kin = fitting.filter((variant) => kinship(variant.profile, profile) > 0);
  return (kin.length > 0 ? kin : fitting).map((variant) => variant.name);
}

interface Checker {
  /** Runs a kernel on the tensors that all must agree on. */
  check(operator: AttentionOperator): Promise<void>;
  /** The kernels that agree, of those checked; and what is wrong with the others, by name. Throws ATTN5108. */
  judge(checked: readonly AttentionOperator[]): {
    readonly trusted: readonly AttentionOperator[];
    readonly doubts: ReadonlyMap<string, string>;
  };
}

function checkerOf({ module, call, request, checkSignal }: Measurement): Checker {
  const data = [countingData(module.dtype, call), peakedData(module.dtype, call)];
  const groups = data.map(({ rounding }) => groupsOf(rounding));
  return {
    async check(operator) {
      for (const [i, { q, k, v }] of data.entries()) {
        checkSignal();
        groups[i]!.add(await operator.run({ ...request.arrays, q, k, v }, request));
      }
    },
    judge(checked) {
      const most = majority(checked.map((_, i) => groups.map((each) => each.of[i]).join("/")));
      const best = most?.[0] ?? 0;
      const doubts = new Map<string, string>();
      checked.forEach(({ variant }, i) => {
        const differing = groups.find((each) => each.of[i] !== each.of[best]);
        if (differing === undefined) return;
        const where = differing.difference(differing.of[i]!, differing.of[best]!);
        doubts.set(variant.name, `its results are not those of ${checked[best]!.variant.name}: ${where}`);
      });
      if (most === undefined) throw disagreeing(checked, doubts);
      return { trusted: most.map((i) => checked[i]!), doubts };
    },
  };
}

function disagreeing(checked: readonly AttentionOperator[], doubts: ReadonlyMap<string, string>): AttnError {
  return new AttnError("ATTN5108", {
    field: "variants",
    expected: `the kernels ${checked.map(({ variant }) => variant.name).join(", ")} to agree, or most of them`,
    found: [...doubts].map(([name, doubt]) => `${name}: ${doubt}`).join("; "),
    remedy: "Report it with the adapter's name: at least one of them computes wrong results there.",
  });
}

/** Milliseconds that one measurement takes at least: clocks are coarse, and submitting costs some tenths of one. */
const LEAST_TIME = 10;
const MOST_LAUNCHES = 64;

/** Times of each kernel, by name. */
async function timeInTurns(
  measurement: Measurement,
  operators: readonly AttentionOperator[],
  rounds: number,
  progress: (variant: string, times: readonly number[], done: number) => void,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const { device, module, call, request, checkSignal } = measurement;
  const buffers = new RunBuffers(device);
  try {
    const tensors = timingTensors(measurement, buffers, peakedData(module.dtype, call));
    const timeOf = async (operator: AttentionOperator, launches: number): Promise<number> => {
      checkSignal();
      const encoder = device.createCommandEncoder({ label: `attnc tune ${operator.variant.name}` });
      for (let i = 0; i < launches; i++) operator.encode(encoder, tensors, request);
      const commands = encoder.finish();
      await device.queue.onSubmittedWorkDone();
      const start = performance.now();
      device.queue.submit([commands]);
      await device.queue.onSubmittedWorkDone();
      const time = performance.now() - start;
      operator.checkUsable();
      return time / launches;
    };
    // Not counted: it warms up, and says how many launches make a measurement. All kernels get as many.
    let least = Infinity;
    for (const operator of operators) least = Math.min(least, await timeOf(operator, 1));
    const launches = Math.max(1, Math.min(MOST_LAUNCHES, Math.ceil(LEAST_TIME / least)));
    const entrants = operators.map((operator) => ({ name: operator.variant.name, time: () => timeOf(operator, launches) }));
    const times = await race(entrants, rounds, ({ name, times, done }) => progress(name, times, done));
    return new Map(entrants.map(({ name }, i) => [name, times[i]!]));
  } finally {
    buffers.destroy();
  }
}

/** The caller's tensors on the device, or random ones. */
function timingTensors({ module, call, request }: Measurement, buffers: RunBuffers, random: CheckData): AttentionBuffers {
  const { batch, heads, kvHeads, n, nq, headDim, valueDim } = call;
  const shapes = { q: [batch, heads, nq, headDim], k: [batch, kvHeads, n, headDim], v: [batch, kvHeads, n, valueDim] };
  const upload = (name: "q" | "k" | "v"): GPUBuffer =>
    buffers.upload(name, tensorBytes(module.dtype, name, request.arrays?.[name] ?? random[name], shapes[name]));
  const out = buffers.create("out", batch * heads * nq * valueDim * DTYPE_BYTES[module.dtype], USAGE_STORAGE);
  const inputs = uploadInputs(module, request.arrays ?? {}, call, buffers);
  return { ...inputs, q: upload("q"), k: upload("k"), v: upload("v"), out } as AttentionBuffers;
}
