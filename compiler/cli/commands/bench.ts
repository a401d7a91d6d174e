import type { MaskModule } from "../../mask/ir.js";
import * as m from "../../mask/make.js";
import { countTiles } from "../../tiles/plan.js";
import { fromHalfArray, toHalfArray } from "../../../runtime/launch/half.js";
import { createAttention } from "../../../runtime/launch/operator.js";
import type { AttentionOperator } from "../../../runtime/launch/operator.js";
import type { OpenedDevice } from "../../../runtime/device/open.js";
import { denseAttention } from "../../../runtime/reference/dense.js";
import { random } from "../../../runtime/verify/random.js";
import { headEvaluator } from "../../mask/evaluate.js";
import type { MaskEnv } from "../../mask/evaluate.js";
import { queryOffset } from "../../tiles/plan.js";
import { sampleRows } from "../../../runtime/verify/rows.js";
import { kernelFor, openExecutor, tunedNote } from "../executor.js";
import type { DeviceKernel } from "../executor.js";
import { badOption } from "../flags.js";
import type { DeviceChoice, LengthFlags, ShapeFlags } from "../flags.js";
import { print, printJson, say } from "../io.js";
import { envOf } from "../lengths.js";
import { oneOperator } from "../operators.js";
import { Progress } from "../progress.js";
import { requireCall } from "../required.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";

export interface BenchFlags extends ShapeFlags, LengthFlags {
  readonly runs: number;
  readonly device: DeviceChoice;
  readonly tuned: boolean;
  readonly format: "text" | "json";
}

/** `attnc bench`: the kernel beside the generated dense kernel, in turns, on one device in one process. */
export async function bench(argument: string, flags: BenchFlags): Promise<ExitCode> {
  if (flags.device === "interpreter")
    badOption("--device", "interpreter", "a WebGPU device: the interpreter's times say nothing about kernels");
  const module = oneOperator(argument, flags);
  const batch = flags.batch ?? 1;
  const env = envOf(module, flags);
  requireCall(module, env);
  if (module.inputs.length > 0) {
    badOption("FILE#NAME", module.name, "an operator without inputs: time those in an app, where their tensors are");
  }
  const progress = new Progress();
  progress.update("opening the device");
  const executor = await openExecutor(flags.device, { use: "times" });
  const gpu = executor.gpu!;
  progress.clear();
  const { headDim, valueDim, dtype } = module.shape;
  if (flags.format === "text")
    say(
      `timing ${module.name} on ${gpu.description}: ${env.NQ} queries, ${env.N} keys, ${env.heads} heads, batch ${batch}, dim ${headDim}, ${dtype}`,
    );
  progress.update("compiling");
  const kernel = kernelFor(gpu, module, flags.tuned);
  const pattern = await Timed.load(gpu, kernel, module, env, batch);
  const dense = await Timed.load(gpu, kernelFor(gpu, denseLike(module), false), denseLike(module), env, batch);
  if (kernel.variant !== undefined) {
    progress.clear();
    say(tunedNote(module.name, kernel.variant));
  }
  const times: { pattern: number[]; dense: number[] } = { pattern: [], dense: [] };
  // The first run of each warms up; then in turns, so that a change of the machine's speed meets both.
  for (let run = -1; run < flags.runs; run++) {
    progress.update(`run ${run + 1} of ${flags.runs}`);
    const [a, b] = [await pattern.time(), await dense.time()];
    if (run < 0) continue;
    times.pattern.push(a);
    times.dense.push(b);
  }
  const error = await pattern.error();
  progress.done();

  const tile = pattern.operator.variant;
  const sum = (mod: MaskModule): number =>
    countTiles(mod, env, { blockQ: tile.tileQ, blockK: tile.tileK }).reduce((s, h) => s + h.full + h.partial, 0);
  const [tiles, denseTiles] = [sum(module), sum(denseLike(module))];
  const [ours, theirs] = [median(times.pattern), median(times.dense)];
  const result = {
    version: 1,
    name: module.name,
    device: gpu.description,
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
    speedup: theirs / ours,
    tiles,
    denseTiles,
    speedupByTiles: denseTiles / tiles,
    maxAbs: error,
  };
  if (flags.format === "json") printJson(result);
  else {
    print(
      `${module.name.padEnd(24)} ${ours.toFixed(2)} ms   max error ${error.toExponential(1)}   ${tiles} tiles of ${tile.tileQ} x ${tile.tileK}`,
    );
    print(`${"dense".padEnd(24)} ${theirs.toFixed(2)} ms   ${denseTiles} tiles`);
    print(`${result.speedup.toFixed(2)} times as fast as dense; by tiles ${result.speedupByTiles.toFixed(2)}`);
  }
  return EXIT.ok;
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
    tables: [],
    scalars: [],
    phases: [],
    mask,
  };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** An operator with its tensors on the device. */
class Timed {
  private constructor(
    readonly operator: AttentionOperator,
    private readonly module: MaskModule,
    private readonly env: MaskEnv,
    private readonly batch: number,
    private readonly data: { readonly q: Float32Array; readonly k: Float32Array; readonly v: Float32Array },
    private readonly buffers: { readonly q: GPUBuffer; readonly k: GPUBuffer; readonly v: GPUBuffer; readonly out: GPUBuffer },
  ) {}

  static async load(gpu: OpenedDevice, kernel: DeviceKernel, module: MaskModule, env: MaskEnv, batch: number): Promise<Timed> {
    const { heads, kvHeads, headDim, valueDim, dtype } = module.shape;
    const half = dtype === "f16";
    const operator = await createAttention(
      gpu.device,
      kernel.compiled,
      { heads, kvHeads, headDim, valueDim },
      { profile: gpu.profile, variant: kernel.variant },
    );
    const source = random(1);
    const fill = (count: number): Float32Array<ArrayBuffer> => {
      const values = Float32Array.from({ length: count }, () => source.normal());
      return half ? fromHalfArray(toHalfArray(values)) : values;
    };
    const data = {
      q: fill(batch * heads * env.NQ * headDim),
      k: fill(batch * kvHeads * env.N * headDim),
      v: fill(batch * kvHeads * env.N * valueDim),
    };
    const { STORAGE, COPY_DST, COPY_SRC } = GPUBufferUsage;
    const upload = (values: Float32Array<ArrayBuffer>): GPUBuffer => {
      const bytes = half ? toHalfArray(values) : values;
      const buffer = gpu.device.createBuffer({ size: bytes.byteLength, usage: STORAGE | COPY_DST });
      gpu.device.queue.writeBuffer(buffer, 0, bytes);
      return buffer;
    };
    const out = gpu.device.createBuffer({ size: batch * heads * env.NQ * valueDim * (half ? 2 : 4), usage: STORAGE | COPY_SRC });
    return new Timed(operator, module, env, batch, data, { q: upload(data.q), k: upload(data.k), v: upload(data.v), out });
  }

  private call() {
    const { params, layer, layers, step, steps, phase } = this.env;
    const known = this.module.params.length > 0 ? params : {};
    return { batch: this.batch, queryLength: this.env.NQ, keyLength: this.env.N, params: known, layer, layers, step, steps, phase };
  }

  /** Milliseconds from submission to completion. */
  async time(): Promise<number> {
    const { device } = this.operator;
    const encoder = device.createCommandEncoder();
    this.operator.encode(encoder, this.buffers, this.call());
    const commands = encoder.finish();
    await device.queue.onSubmittedWorkDone();
    const start = performance.now();
    device.queue.submit([commands]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  }

  /** Greatest error of the last run's output on a sample of rows, against float64. */
  async error(): Promise<number> {
    const { device } = this.operator;
    const size = this.buffers.out.size;
    const staging = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.buffers.out, 0, staging, 0, size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const { headDim, valueDim, dtype } = this.module.shape;
    const bytes = staging.getMappedRange().slice(0);
    staging.destroy();
    const out = dtype === "f16" ? fromHalfArray(new Uint16Array(bytes)) : new Float32Array(bytes);
    const { heads, kvHeads, N, NQ } = this.env;
    const evaluators = Array.from({ length: this.batch * heads }, (_, i) =>
      headEvaluator(this.module, this.env, Math.floor(i / heads), i % heads),
    );
    const problem = {
      batch: this.batch,
      heads,
      kvHeads,
      headDim,
      valueDim,
      queries: NQ,
      keys: N,
      firstPosition: queryOffset(this.module, this.env),
      ...this.data,
      mask: (b: number, h: number, q: number, k: number) => evaluators[b * heads + h]!(q, k),
    };
    const rows = sampleRows(problem, 64, random(2));
    const dense = denseAttention(problem, rows);
    let most = 0;
    rows.forEach((row, i) => {
      const at = ((row.batch * heads + row.head) * NQ + row.query) * valueDim;
      for (let d = 0; d < valueDim; d++) most = Math.max(most, Math.abs(out[at + d]! - dense.out[i * valueDim + d]!));
    });
    return most;
  }
}
