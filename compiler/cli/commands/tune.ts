import { tuningModule } from "../../driver/tuning.js";
import type { MaskEnv } from "../../mask/evaluate.js";
import type { MaskModule } from "../../mask/ir.js";
import type { OpenedDevice } from "../../../runtime/device/open.js";
import { rememberTuned } from "../../../runtime/launch/tuned.js";
import type { CaseResult } from "../../../runtime/verify/operator.js";
import { tuneAttention } from "../../../runtime/launch/tune/tune.js";
import type { TuneProgress } from "../../../runtime/launch/tune/tune.js";
import { loadKernel, openExecutor } from "../executor.js";
import type { DeviceKernel } from "../executor.js";
import { badOption } from "../flags.js";
import type { DeviceChoice, LengthFlags, ShapeFlags } from "../flags.js";
import { toLaunchInput } from "../input-forms.js";
import { readInputs } from "../inputs.js";
import { print, printJson, say, sayDiagnostics } from "../io.js";
import { envOf, fixedLength, runtimeParams } from "../lengths.js";
import { findOperators } from "../operators.js";
import type { Operator } from "../operators.js";
import { Progress } from "../progress.js";
import { requireCall, requireWgslDtype } from "../required.js";
import { runtimeDiagnostic } from "../runtime-error.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { overallWinner, tuneJson, tuneText } from "../tune-report.js";
import type { LengthResult, TunedOperator } from "../tune-report.js";
import { tunedFile } from "../tuned-file.js";
import { oracleOf, verifyKernel } from "../verify-kernel.js";

export interface TuneFlags extends ShapeFlags, Omit<LengthFlags, "seq"> {
  readonly seq?: readonly number[];
  readonly input?: readonly string[];
  readonly schedules?: readonly string[];
  readonly rounds: number;
  readonly device: DeviceChoice;
  readonly format: "text" | "json";
}

const DEFAULT_LENGTHS = [1024];

/** A call to measure, with its inputs. */
interface PlannedCall {
  readonly env: MaskEnv;
  readonly inputs: ReturnType<typeof readInputs>["values"];
}

/** `attnc tune`: every schedule of the operators on the present device; the fastest is remembered. */
export async function tune(files: readonly string[], flags: TuneFlags): Promise<ExitCode> {
  if (flags.device === "interpreter")
    badOption("--device", "interpreter", "a WebGPU device: the interpreter has no schedules to choose from");
  if (flags.device === "cuda") badOption("--device", "cuda", "a WebGPU device: CUDA sources have one schedule for each kernel");
  const { operators, warnings, notes } = findOperators(files, flags);
  // What is wrong with any call is said before minutes are spent.
  for (const { module } of operators) requireWgslDtype(module);
  const plans = operators.map(({ module }) => plan(module, flags));
  await sayDiagnostics(warnings);
  notes.forEach(say);
  const progress = new Progress();
  progress.update("opening the device");
  const gpu = (await openExecutor(flags.device, { use: "times" })).gpu!;
  progress.clear();
  const text = flags.format === "text";
  if (text) say(`tuning ${operators.length} operator${operators.length === 1 ? "" : "s"} on ${gpu.description}`);
  const results: TunedOperator[] = [];
  for (const [i, operator] of operators.entries()) {
    const label = `${i + 1}/${operators.length} ${operator.module.name}`;
    progress.update(`${label}: printing the kernels`);
    const result = await tuneOne(gpu, operator, plans[i]!, flags, (note) => progress.update(`${label}: ${note}`));
    results.push(result);
    progress.clear();
    if (text) print(tuneText(result));
  }
  progress.done();
  if (!text) printJson(tuneJson(gpu.description, results));
  if (results.some(({ winner }) => winner !== undefined)) say(`remembered in ${tunedFile().path}`);
  if (results.some(({ wrong }) => wrong !== undefined)) return EXIT.mismatch;
  return results.every(({ error }) => error === undefined) ? EXIT.ok : EXIT.diagnostics;
}

/** The calls of an operator: one for each length; one where its space has a length of its own. */
function plan(module: MaskModule, flags: TuneFlags): readonly PlannedCall[] {
  const own = fixedLength(module, runtimeParams(module));
  const { seq, ...rest } = flags;
  return (own === undefined ? (seq ?? DEFAULT_LENGTHS) : (seq ?? [own])).map((length) => {
    const env = envOf(module, { ...rest, seq: length });
    requireCall(module, env);
    return { env, inputs: readInputs(module, env, flags.input, flags.batch ?? 1).values };
  });
}

async function tuneOne(
  gpu: OpenedDevice,
  operator: Operator,
  calls: readonly PlannedCall[],
  flags: TuneFlags,
  note: (text: string) => void,
): Promise<TunedOperator> {
  const { module, file } = operator;
  const { heads, kvHeads, headDim, valueDim, dtype } = module.shape;
  const batch = flags.batch ?? 1;
  const compiled = tuningModule(module, gpu.profile);
  const about = { file, name: module.name, shape: { dtype, heads, kvHeads, headDim, valueDim, batch }, variants: compiled.variants };
  const lengths: LengthResult[] = [];
  try {
    for (const { env, inputs } of calls) {
      const { layer, layers, step, steps, phase } = env;
      const { winner, timings } = await tuneAttention(gpu.device, compiled, module.shape, {
        batch,
        queryLength: env.NQ,
        keyLength: env.N,
        params: module.params.length > 0 ? env.params : {},
        ...{ layer, layers, step, steps, phase },
        arrays: Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, toLaunchInput(value)])),
        profile: gpu.profile,
        variants: flags.schedules,
        rounds: flags.rounds,
        onProgress: (step) => note(progressText(step, env.N)),
      });
      lengths.push({ seq: env.N, queries: env.NQ, winner, timings });
    }
    const winner = overallWinner(lengths);
    // That kernels agree with one another does not make them right.
    const wrong = await verifyWinner(gpu, operator, { compiled, variant: winner }, note);
    if (wrong.length > 0) return { ...about, lengths, wrong };
    await rememberTuned(gpu.device, compiled, { heads, kvHeads, headDim, valueDim }, winner, fileStorage());
    return { ...about, winner, lengths };
  } catch (thrown) {
    // What the device refuses of one operator says nothing of the others.
    const error = runtimeDiagnostic(thrown);
    if (error === undefined) throw thrown;
    return { ...about, lengths, error };
  }
}

/** The cases that a kernel fails of the quick ones of `attnc verify`. */
async function verifyWinner(gpu: OpenedDevice, operator: Operator, kernel: DeviceKernel, note: (text: string) => void) {
  note(`verifying ${kernel.variant}`);
  const loaded = await loadKernel(gpu, operator.module, kernel);
  const failed: CaseResult[] = [];
  const request = { seeds: 1, quick: true, onDevice: true };
  await verifyKernel(operator, oracleOf(operator.file), loaded, request, (result) => {
    if (!result.ok) failed.push(result);
  });
  loaded.destroy();
  return failed;
}

/** The file of winners, with its own errors: they say what the system says. */
function fileStorage() {
  const file = tunedFile();
  return { get: (key: string) => file.get(key), set: (key: string, schedule: string) => file.set(key, schedule) };
}

const progressText = ({ variant, done, of, time }: TuneProgress, keys: number): string =>
  `${keys} keys, step ${done} of ${of}: ${variant}${time === undefined ? " compiled and checked" : ` ${time.toFixed(2)} ms`}`;
