import type { ResolvedCall } from "../call.js";
import { AttnError } from "../errors.js";
import type { ConstantBuffers } from "../constant-buffers.js";
import { USAGE_STORAGE } from "../gpu-flags.js";
import { GrowingBuffer } from "../growing-buffer.js";
import type { AuxLayout } from "../input-layout.js";
import type { AttentionModule } from "../module.js";
import { uniformWords } from "../uniform-words.js";
import { encodeSelection, type SelectionKernels } from "./passes.js";
import { planSelection, type SelectionPlan } from "./plan.js";

/** What the selections of one launch work on. */
interface SelectionLaunch {
  readonly call: ResolvedCall;
  readonly layout: AuxLayout;
  readonly aux: GPUBuffer;
  readonly q: GPUBufferBinding;
  readonly k: GPUBufferBinding;
}

/** Throws ATTN5219 for what is no number of bytes. */
export function checkSelectionBytes(bytes: number | undefined): void {
  if (bytes === undefined || (Number.isInteger(bytes) && bytes > 0)) return;
  throw new AttnError("ATTN5219", {
    field: "selectionBytes",
    expected: "a whole number of bytes above 0",
    found: String(bytes),
    remedy: "Leave it out to use as much as the device allows.",
  });
}

/** The selections of one operator, with a scratch buffer that its launches use one after another. */
export class Selections {
  private readonly scratch: GrowingBuffer;
  private readonly nothing: GPUBuffer;

  constructor(
    private readonly device: GPUDevice,
    private readonly module: AttentionModule,
    private readonly kernels: SelectionKernels,
    private readonly constants: ConstantBuffers,
    /** The most bytes that intermediate results may take, where the app set it. */
    private readonly mostBytes: number | undefined,
  ) {
    const label = `attnc ${module.name} selection`;
    this.scratch = new GrowingBuffer(device, `${label} scratch`, USAGE_STORAGE);
    this.nothing = device.createBuffer({ label: `${label} nothing`, size: 16, usage: USAGE_STORAGE });
  }

  /** See `planSelection`. */
  plan(call: ResolvedCall, aux: AuxLayout, buffers: Readonly<Record<string, unknown>>): SelectionPlan {
    return planSelection(this.device, this.module, this.mostBytes, call, aux, buffers);
  }

  /** Encodes the pass that fills the matrices in `aux`. Throws nothing: the plan was checked. */
  encode(
    encoder: GPUCommandEncoder,
    plan: SelectionPlan,
    { call, layout, aux, q, k }: SelectionLaunch,
    timestampWrites?: GPUComputePassTimestampWrites,
  ): void {
    const { uniforms } = this.module.selection!;
    const launch = { call, tiles: 0, writeLse: false, floats: plan.floats };
    const words = plan.runs.map(({ sizes }) => uniformWords({ ...this.module, uniforms }, { ...launch, aux: { ...layout, sizes } }));
    const label = `attnc ${this.module.name} selection`;
    const pass = encoder.beginComputePass({ label, ...(timestampWrites === undefined ? {} : { timestampWrites }) });
    encodeSelection(this.device, pass, this.kernels, plan, {
      uniforms: this.bindings(words),
      ...{ q, k, aux },
      scratch: this.scratch.atLeast(plan.scratchBytes),
      nothing: this.nothing,
      constants: this.constants,
    });
    pass.end();
  }

  /** Bindings of the uniforms of each run, in one buffer. */
  private bindings(runs: readonly Int32Array[]): readonly GPUBufferBinding[] {
    const [first] = runs;
    if (first === undefined) return [];
    const { minUniformBufferOffsetAlignment: alignment } = this.device.limits;
    const stride = Math.ceil(first.byteLength / alignment) * (alignment / 4);
    const all = new Int32Array((runs.length - 1) * stride + first.length);
    runs.forEach((words, run) => all.set(words, run * stride));
    const buffer = this.constants.get(all);
    return runs.map((words, run) => ({ buffer, offset: run * stride * 4, size: words.byteLength }));
  }

  destroy(): void {
    this.scratch.destroy();
    this.nothing.destroy();
  }
}
