import type { ResolvedCall } from "../call.js";
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

/** The selections of one operator, with a scratch buffer that its launches use one after another. */
export class Selections {
  private readonly scratch: GrowingBuffer;
  private readonly nothing: GPUBuffer;

  constructor(
    private readonly device: GPUDevice,
    private readonly module: AttentionModule,
    private readonly kernels: SelectionKernels,
    private readonly constants: ConstantBuffers,
  ) {
    const label = `attnc ${module.name} selection`;
    this.scratch = new GrowingBuffer(device, `${label} scratch`, USAGE_STORAGE);
    this.nothing = device.createBuffer({ label: `${label} nothing`, size: 16, usage: USAGE_STORAGE });
  }

  /** See `planSelection`. */
  plan(call: ResolvedCall, aux: AuxLayout, buffers: Readonly<Record<string, unknown>>): SelectionPlan {
    return planSelection(this.device, this.module, call, aux, buffers);
  }

  /** Encodes the pass that fills the matrices in `aux`. Throws nothing: the plan was checked. */
  encode(
    encoder: GPUCommandEncoder,
    plan: SelectionPlan,
    { call, layout, aux, q, k }: SelectionLaunch,
    timestampWrites?: GPUComputePassTimestampWrites,
  ): void {
    const { uniforms } = this.module.selection!;
    const words = uniformWords({ ...this.module, uniforms }, { call, aux: layout, tiles: 0, writeLse: false, floats: plan.floats });
    const label = `attnc ${this.module.name} selection`;
    const pass = encoder.beginComputePass({ label, ...(timestampWrites === undefined ? {} : { timestampWrites }) });
    encodeSelection(this.device, pass, this.kernels, plan, {
      uniforms: { buffer: this.constants.get(words) },
      ...{ q, k, aux },
      scratch: this.scratch.atLeast(plan.scratchBytes),
      nothing: this.nothing,
      constants: this.constants,
    });
    pass.end();
  }

  destroy(): void {
    this.scratch.destroy();
    this.nothing.destroy();
  }
}
