import type { MaskModule } from "../../mask/ir.js";
import * as m from "../../mask/make.js";
import { countTiles } from "../../tiles/plan.js";
import type { PairOrder } from "../../../runtime/launch/key-order/plan.js";
import type { CudaExecutor } from "../cuda-executor.js";
import { kernelFor, openExecutor, tunedNote } from "../executor.js";
import type { Executor } from "../executor.js";
import { badOption, checkKernel } from "../flags.js";
import type { DeviceChoice, LengthFlags, ShapeFlags } from "../flags.js";
import { print, printJson, say } from "../io.js";
import { envOf } from "../lengths.js";
import { oneOperator } from "../operators.js";
import { Progress } from "../progress.js";
import { requireCall } from "../required.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { outputError, timedProblem } from "../timed.js";
import type { Timed, TimedProblem } from "../timed.js";

export interface BenchFlags extends ShapeFlags, LengthFlags {
  readonly runs: number;
  readonly device: DeviceChoice;
  readonly tuned: boolean;
  readonly kernel?: string;
  readonly order: PairOrder;
  readonly format: "text" | "json";
}

/** `attnc bench`: the kernel beside the generated dense kernel, in turns, on one device in one process. */
export async function bench(argument: string, flags: BenchFlags): Promise<ExitCode> {
  if (flags.device === "interpreter")
    badOption("--device", "interpreter", "a WebGPU or CUDA device: the interpreter's times say nothing about kernels");
  checkKernel(flags);
  const module = oneOperator(argument, flags);
  const batch = flags.batch ?? 1;
  const env = envOf(module, flags);
  requireCall(module, env);
  if (module.inputs.length > 0 || (module.floatInputs ?? []).length > 0) {
    badOption("FILE#NAME", module.name, "an operator without inputs: time those in an app, where their tensors are");
  }
  const progress = new Progress();
  progress.update("opening the device");
  const executor = await openExecutor(flags.device, { use: "times", kernel: flags.kernel });
  progress.clear();
  const { headDim, valueDim, dtype } = module.shape;
  if (flags.format === "text")
    say(
      `timing ${module.name} on ${executor.description}: ${env.NQ} queries, ${env.N} keys, ${env.heads} heads, batch ${batch}, dim ${headDim}, ${dtype}`,
    );
  progress.update("compiling");
  const problem = timedProblem(module, env, batch);
  const { timed: pattern, tuned } = await load(executor, { ...problem, order: flags.order }, flags.tuned);
  const { timed: dense } = await load(executor, { ...problem, module: denseLike(module) }, false);
  if (tuned !== undefined) {
    progress.clear();
    say(tunedNote(module.name, tuned));
  }
  const times: { pattern: number[]; dense: number[]; selection: number[] } = { pattern: [], dense: [], selection: [] };
  // The first run of each warms up; then in turns, so that a change of the machine's speed meets both.
  for (let run = -1; run < flags.runs; run++) {
    progress.update(`run ${run + 1} of ${flags.runs}`);
    const [a, b, c] = [await pattern.time(), await dense.time(), await pattern.timeSelection?.()];
    if (run < 0) continue;
    times.pattern.push(a);
    times.dense.push(b);
    if (c !== undefined) times.selection.push(c);
  }
  const result = await pattern.result();
  const error = outputError(problem, result);
  progress.done();

  const tile = pattern.tiles;
  const known = { ...env, inputs: result.selected };
  const sum = (mod: MaskModule): number =>
    countTiles(mod, known, { blockQ: tile.tileQ, blockK: tile.tileK }).reduce((s, h) => s + h.full + h.partial, 0);
  const [tiles, denseTiles] = [sum(module), sum(denseLike(module))];
  const [ours, theirs] = [median(times.pattern), median(times.dense)];
  const selecting = times.selection.length === 0 ? undefined : median(times.selection);
  const report = {
    version: 1,
    name: module.name,
    device: executor.description,
    seq: env.N,
    queries: env.NQ,
    heads: env.heads,
    kvHeads: env.kvHeads,
    headDim,
    valueDim,
    dtype,
    batch,
    runs: flags.runs,
    milliseconds: ours,
    denseMilliseconds: theirs,
    ...(selecting === undefined ? {} : { selectionMilliseconds: selecting }),
    speedup: theirs / ours,
    tiles,
    denseTiles,
    speedupByTiles: denseTiles / tiles,
    maxAbs: error,
  };
  if (flags.format === "json") printJson(report);
  else {
    print(
      `${module.name.padEnd(24)} ${ours.toFixed(2)} ms   max error ${error.toExponential(1)}   ${tiles} tiles of ${tile.tileQ} x ${tile.tileK}`,
    );
    if (selecting !== undefined) {
      const share = (100 * selecting) / theirs;
      print(`${"  selection".padEnd(24)} ${selecting.toFixed(2)} ms of it, encoded alone; ${share.toFixed(0)}% of dense`);
    }
    print(`${"dense".padEnd(24)} ${theirs.toFixed(2)} ms   ${denseTiles} tiles`);
    print(`${report.speedup.toFixed(2)} times as fast as dense; by tiles ${report.speedupByTiles.toFixed(2)}`);
  }
  return EXIT.ok;
}

/** An operator on the device; with the name of the schedule where it is the winner of `attnc tune`. */
async function load(executor: Executor, problem: TimedProblem, tuned: boolean): Promise<{ timed: Timed; tuned?: string | undefined }> {
  if (executor.gpu === undefined) {
    const { timedOnCuda } = await import("../timed-cuda.js");
    return { timed: await timedOnCuda(executor as CudaExecutor, problem) };
  }
  const { timedOnWebGpu } = await import("../timed-webgpu.js");
  const kernel = kernelFor(executor.gpu, problem.module, tuned);
  return { timed: await timedOnWebGpu(executor.gpu, kernel, problem), tuned: kernel.variant };
}

/** The same space with nothing left out: what the pattern is compared with. */
function denseLike(module: MaskModule): MaskModule {
  const mask = module.space.causal ? m.le(m.k, m.q) : m.bool(true);
  return {
    ...module,
    layout: undefined,
    orders: undefined,
    name: "dense",
    params: [],
    inputs: [],
    floatInputs: undefined,
    selections: undefined,
    tables: [],
    scalars: [],
    phases: [],
    mask,
  };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
