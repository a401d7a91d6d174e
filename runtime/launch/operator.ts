import { bindGroupLayout, KERNEL_BINDINGS } from "./bind-layout.js";
import { bufferPart, checkAliasing, checkBindingSize, tensorBinding, type BufferPart, type BufferRef } from "./buffers.js";
import { resolveCall, resolveShape, type AttentionCall, type AttentionShape, type ResolvedCall, type ResolvedShape } from "./call.js";
import { ConstantBuffers } from "./constant-buffers.js";
import { foldWorkgroups } from "./dispatch.js";
import { AttnError } from "./errors.js";
import { USAGE_COPY_DST, USAGE_COPY_SRC, USAGE_STORAGE, USAGE_UNIFORM } from "./gpu-flags.js";
import { DTYPE_BYTES } from "./host-tensors.js";
import { layoutAux, type AuxLayout, type InputExtent } from "./input-layout.js";
import { checkInputNames } from "./input-names.js";
import type { AttentionModule, InputSpec, KernelVariant } from "./module.js";
import { orderBuffers, withOrderInputs } from "./orders.js";
import { compilePipeline } from "./pipeline.js";
import { sourceWords } from "./prepare/pass.js";
import { encodePrepare, preparePipelines, type InputParts, type PreparePipelines } from "./prepare/prepare.js";
import { profileOf, type DeviceProfile } from "./profile.js";
import { runOnArrays, type AttentionArrays, type AttentionOutput } from "./run.js";
import {
  checkSplit,
  dispatchSplit,
  SplitBuffers,
  splitOf,
  splitPipelines,
  type SplitOptions,
  type SplitPipelines,
  type WholeBindings,
} from "./split.js";
import { scalarWords, uniformWords } from "./uniform-words.js";
import { recallTuned, type TunedStorage } from "./tuned.js";
import { chooseVariant, obstacle, variantsOfShape } from "./variant.js";

/** An input as a buffer; its shape is needed where the size does not tell it, as for lists. */
export type InputBuffer =
  | GPUBuffer
  | {
      readonly buffer: GPUBuffer;
      readonly offset?: number | undefined;
      readonly size?: number | undefined;
      readonly shape?: readonly number[] | undefined;
    };

/** A `csr` input: `offsets` are positions in the whole of `indices`. */
export interface CsrBuffers {
  readonly offsets: InputBuffer;
  readonly indices: BufferRef;
}

/**
 * The tensors of a launch: q [batch, heads, NQ, headDim], k [batch, kvHeads, N, headDim],
 * v [batch, kvHeads, N, valueDim], out [batch, heads, NQ, valueDim], of the module's dtype; lse
 * [batch, heads, NQ], always f32, natural logarithms. Inputs of the declaration go by their names.
 */
export interface AttentionBuffers {
  readonly q: BufferRef;
  readonly k: BufferRef;
  readonly v: BufferRef;
  readonly out: BufferRef;
  readonly lse?: BufferRef | undefined;
  readonly [input: string]: InputBuffer | CsrBuffers | undefined;
}

export interface AttentionOptions {
  /** A kernel by name instead of the one chosen. */
  readonly variant?: string | undefined;
  /** The kind of device to choose a kernel for, instead of what the adapter's names say. */
  readonly profile?: DeviceProfile | undefined;
  /**
   * Where the winner of `tuneAttention` was remembered by an earlier run of the program. The winner of
   * this run is used without it. What names no kernel of the module that the device can run is ignored.
   */
  readonly tuned?: TunedStorage | undefined;
  /**
   * How long rows are computed in parts, where a call has few queries (decoding) or rows differ much:
   * on GPUs by default, with `false` never.
   */
  readonly split?: SplitOptions | false | undefined;
}

/** What `createAttention` makes before it makes the operator. */
interface OperatorParts {
  readonly device: GPUDevice;
  readonly module: AttentionModule;
  readonly shape: ResolvedShape;
  readonly variant: KernelVariant;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly prepare: PreparePipelines;
  /** Absent where rows are always computed whole. */
  readonly split: { readonly pipelines: SplitPipelines; readonly options: SplitOptions } | undefined;
}

function lostDevice(info: GPUDeviceLostInfo): AttnError {
  return new AttnError("ATTN5105", {
    field: "device",
    expected: "a device in use",
    found: `a lost one (${info.reason ?? "unknown"}): ${info.message}`,
    remedy: "Request a new device and make the operator anew; a smaller batch may keep a kernel under the system's time limit.",
  });
}

/** One attention operator on one device. Made by {@link createAttention}. */
export class AttentionOperator {
  readonly device: GPUDevice;
  readonly module: AttentionModule;
  readonly shape: ResolvedShape;
  /** The kernel that was chosen. */
  readonly variant: KernelVariant;
  private readonly parts: OperatorParts;
  private readonly uniforms: ConstantBuffers;
  private readonly scalars: ConstantBuffers;
  /** The module with what the launcher itself makes among its inputs, and those. */
  private readonly full: AttentionModule;
  private readonly orders: Readonly<Record<string, GPUBuffer>>;
  /** Bound where the caller gave no lse; kernels write nothing to it. */
  private readonly noLse: GPUBuffer;
  /** Scalars and inputs, converted anew by each launch before its kernel reads them. */
  private aux: GPUBuffer;
  private readonly splitBuffers: SplitBuffers;
  private lost: GPUDeviceLostInfo | undefined;
  private destroyed = false;

  constructor(parts: OperatorParts) {
    this.parts = parts;
    ({ device: this.device, module: this.module, shape: this.shape, variant: this.variant } = parts);
    this.full = withOrderInputs(this.module);
    this.orders = orderBuffers(this.device, this.module);
    const label = `attnc ${this.module.name}`;
    this.uniforms = new ConstantBuffers(this.device, `${label} uniforms`, USAGE_UNIFORM);
    this.scalars = new ConstantBuffers(this.device, `${label} scalars`, USAGE_STORAGE | USAGE_COPY_SRC);
    this.noLse = this.device.createBuffer({ label: `${label} no lse`, size: 16, usage: USAGE_STORAGE });
    this.aux = this.createAux(16);
    this.splitBuffers = new SplitBuffers(this.device, label);
    void this.device.lost.then((info) => {
      this.lost = info;
    });
  }

  private createAux(size: number): GPUBuffer {
    return this.device.createBuffer({ label: `attnc ${this.module.name} aux`, size, usage: USAGE_STORAGE | USAGE_COPY_DST });
  }

  /** Throws ATTN5105 after the device was lost, ATTN5107 after {@link destroy}. */
  checkUsable(): void {
    if (this.destroyed) {
      throw new AttnError("ATTN5107", {
        field: "operator",
        expected: "an operator in use",
        found: `${this.module.name}, destroyed`,
        remedy: "Make a new one with `createAttention`.",
      });
    }
    if (this.lost !== undefined) {
      throw lostDevice(this.lost);
    }
  }

  private inputParts(buffers: AttentionBuffers, call: ResolvedCall): { aux: AuxLayout; inputs: Map<string, InputParts> } {
    const inputs = new Map<string, InputParts>();
    const extents = new Map<string, InputExtent>();
    for (const spec of this.full.inputs) {
      const { parts, shape } = this.inputPart(spec, this.orders[spec.name] ?? buffers[spec.name]!);
      inputs.set(spec.name, parts);
      extents.set(spec.name, { elements: Math.floor(parts.words.size / 4), shape });
    }
    return { aux: layoutAux(this.full, call, extents), inputs };
  }

  private inputPart(spec: InputSpec, given: InputBuffer | CsrBuffers): { parts: InputParts; shape: readonly number[] | undefined } {
    if (spec.kind === "csr") {
      const { offsets, indices } = given as Partial<CsrBuffers>;
      const words = this.shapedPart(`${spec.name}.offsets`, offsets);
      const indexPart = bufferPart(`${spec.name}.indices`, indices!, this.device);
      checkBindingSize(`${spec.name}.indices`, indexPart.size, this.device);
      return { parts: { words: words.part, indices: indexPart }, shape: words.shape };
    }
    const { part, shape } = this.shapedPart(spec.name, given as InputBuffer);
    return { parts: { words: part }, shape };
  }

  private shapedPart(field: string, given: InputBuffer | undefined): { part: BufferPart; shape: readonly number[] | undefined } {
    const shape = given !== undefined && "shape" in given ? given.shape : undefined;
    return { part: bufferPart(field, given!, this.device), shape };
  }

  private tensorBindings(buffers: AttentionBuffers, call: ResolvedCall): Record<string, GPUBufferBinding> {
    const { batch, heads, kvHeads, n, nq, headDim, valueDim } = call;
    const bytes = DTYPE_BYTES[this.module.dtype];
    const tensors: [name: string, shape: number[], elementBytes: number][] = [
      ["q", [batch, heads, nq, headDim], bytes],
      ["k", [batch, kvHeads, n, headDim], bytes],
      ["v", [batch, kvHeads, n, valueDim], bytes],
      ["out", [batch, heads, nq, valueDim], bytes],
      ["lse", [batch, heads, nq], 4],
    ];
    const bindings: Record<string, GPUBufferBinding> = {};
    for (const [name, shape, elementBytes] of tensors) {
      const given = buffers[name];
      if (given === undefined && name === "lse") continue;
      bindings[name] = tensorBinding(name, bufferPart(name, given as BufferRef, this.device), shape, elementBytes, this.device);
    }
    checkAliasing(bindings, ["out", "lse"]);
    return bindings;
  }

  /**
   * The buffer with scalars and inputs in it. Without inputs it is the constant buffer of the scalars.
   * Otherwise the commands that fill it come before the kernel in the same encoder, so that one buffer
   * serves launches encoded in any order.
   */
  private encodeAux(encoder: GPUCommandEncoder, layout: AuxLayout, inputs: ReadonlyMap<string, InputParts>, call: ResolvedCall): GPUBuffer {
    const scalars = scalarWords(this.module, call);
    const scalarBuffer = scalars.length === 0 ? undefined : this.scalars.get(scalars);
    if (layout.inputs.length === 0) return scalarBuffer ?? this.aux;
    const bytes = layout.words * 4;
    if (this.aux.size < bytes) {
      const limit = Math.min(this.device.limits.maxBufferSize, this.device.limits.maxStorageBufferBindingSize);
      // The old one is left to the collector: commands already encoded may use it.
      this.aux = this.createAux(Math.max(bytes, Math.min(bytes * 2, limit)));
    }
    if (scalarBuffer !== undefined) encoder.copyBufferToBuffer(scalarBuffer, 0, this.aux, layout.scalars * 4, scalars.byteLength);
    for (const input of layout.inputs) {
      const parts = inputs.get(input.spec.name)!;
      encodePrepare(this.device, encoder, this.parts.prepare, this.uniforms, this.aux, input, parts, call.n);
    }
    return this.aux;
  }

  /**
   * Encodes a launch into the app's encoder: passes that convert the inputs, if there are any, then the
   * kernel. Submits nothing and keeps nothing that a later call changes, so calls may be encoded in a
   * row. Inputs must be right: values out of range are ignored here (`run` checks them). Throws an
   * {@link AttnError} that names the field, before anything is encoded. `timestampWrites` goes to the
   * kernel's pass.
   */
  encode(
    encoder: GPUCommandEncoder,
    buffers: AttentionBuffers,
    call: AttentionCall,
    timestampWrites?: GPUComputePassTimestampWrites,
  ): void {
    this.checkUsable();
    const resolved = resolveCall(this.module, this.shape, call);
    checkInputNames(this.module, buffers);
    const tensors = this.tensorBindings(buffers, resolved);
    const { aux, inputs } = this.inputParts(buffers, resolved);
    checkBindingSize(this.module.inputs.map((input) => input.name).join(", ") || this.module.layout || "aux", aux.words * 4, this.device);
    for (const input of aux.inputs) {
      checkBindingSize(input.spec.name, sourceWords(input) * 4, this.device);
    }
    const rows = this.module.layout === undefined ? resolved.nq : resolved.n;
    const tiles = Math.ceil(rows / this.variant.tileQ);
    const total = tiles * resolved.heads * resolved.batch;
    const groups = foldWorkgroups(total, this.device);
    const { split: ways } = this.parts;
    const split = ways && splitOf(this.variant, resolved, tiles, this.module.uneven === true, ways.options, this.device.limits);
    const uniforms = uniformWords(this.module, { call: resolved, aux, tiles, writeLse: tensors["lse"] !== undefined, split });

    const auxBuffer = this.encodeAux(encoder, aux, inputs, resolved);
    const bindings: WholeBindings = {
      uniforms: { buffer: this.uniforms.get(uniforms) },
      q: tensors["q"]!,
      k: tensors["k"]!,
      v: tensors["v"]!,
      aux: { buffer: auxBuffer },
      out: tensors["out"]!,
      lse: tensors["lse"] ?? { buffer: this.noLse },
    };
    const label = `attnc ${this.module.name} ${this.variant.name}`;
    const pass = encoder.beginComputePass({ label, ...(timestampWrites === undefined ? {} : { timestampWrites }) });
    if (split !== undefined) {
      dispatchSplit(this.device, pass, ways!.pipelines, bindings, this.splitBuffers.for(split), split, total);
      pass.end();
      return;
    }
    const { uniforms: words, q, k, v, aux: auxBinding, out, lse } = bindings;
    const entries = [words, q, k, v, auxBinding, out, lse].map((resource, binding) => ({ binding, resource }));
    const group = this.device.createBindGroup({ label, layout: this.parts.layout, entries });
    pass.setPipeline(this.parts.pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...groups);
    pass.end();
  }

  /**
   * Runs on plain arrays: uploads, launches, waits and reads back. Tensors as in {@link AttentionBuffers},
   * as Float32Array, or for an f16 module also as Uint16Array of bits. Rejects with an {@link AttnError}.
   */
  run(arrays: AttentionArrays, call: AttentionCall): Promise<AttentionOutput> {
    return runOnArrays(this, arrays, call);
  }

  /** Frees the operator's own buffers. What was encoded must have been submitted before. */
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.uniforms.destroy();
    this.scalars.destroy();
    this.noLse.destroy();
    this.aux.destroy();
    this.splitBuffers.destroy();
    for (const buffer of Object.values(this.orders)) buffer.destroy();
  }
}

/** The kernel that won here, where it is one that can be used. */
async function tunedVariant(
  device: GPUDevice,
  module: AttentionModule,
  shape: ResolvedShape,
  storage: TunedStorage | undefined,
): Promise<string | undefined> {
  const name = await recallTuned(device, module, shape, storage);
  if (name === undefined) return undefined;
  return variantsOfShape(module, shape).find((variant) => variant.name === name && obstacle(variant, device) === undefined)?.name;
}

/**
 * Makes an operator of a compiled module on the app's device: chooses a kernel, by what `tuneAttention`
 * found if it was asked, and compiles it, once for each device. Rejects with an {@link AttnError}:
 * ATTN5101 to ATTN5105, ATTN5109, ATTN5201, ATTN5212.
 */
export async function createAttention(
  device: GPUDevice,
  module: AttentionModule,
  shape: AttentionShape = {},
  options: AttentionOptions = {},
): Promise<AttentionOperator> {
  const resolved = resolveShape(module, shape);
  const lost = await Promise.race([device.lost, Promise.resolve(undefined)]);
  if (lost !== undefined) throw lostDevice(lost);
  const profile = options.profile ?? profileOf(device.adapterInfo);
  const name = options.variant ?? (await tunedVariant(device, module, resolved, options.tuned));
  const variant = chooseVariant(module, resolved, device, profile, name);
  const layout = bindGroupLayout(device, "attnc", KERNEL_BINDINGS);
  const pipelineLayout = () => device.createPipelineLayout({ label: "attnc", bindGroupLayouts: [layout] });
  if (options.split !== undefined && options.split !== false) checkSplit(options.split);
  const mayCut = options.split !== false && (profile === "gpu" || options.split !== undefined);
  const [pipeline, prepare, pipelines] = await Promise.all([
    compilePipeline(device, `${module.name} ${variant.name}`, variant.wgsl, pipelineLayout),
    preparePipelines(device, withOrderInputs(module)),
    mayCut ? splitPipelines(device, `${module.name} ${variant.name}`, variant) : undefined,
  ]);
  const split = pipelines && { pipelines, options: options.split === false ? {} : (options.split ?? {}) };
  return new AttentionOperator({ device, module, shape: resolved, variant, pipeline, layout, prepare, split });
}
