import {
  inputParts,
  tensorBindings,
  type AttentionBuffers,
  type CsrBuffers,
  type InputBuffer,
  type TensorName,
} from "./attention-buffers.js";
import { bindGroupLayout, KERNEL_BINDINGS } from "./bind-layout.js";
import { bufferPart, checkAliasing, checkBindingSize, tensorBinding, type BufferRef } from "./buffers.js";
import { resolveCall, resolveShape, type AttentionCall, type AttentionShape, type ResolvedCall, type ResolvedShape } from "./call.js";
import { ConstantBuffers } from "./constant-buffers.js";
import { foldWorkgroups } from "./dispatch.js";
import { AttnError } from "./errors.js";
import { USAGE_COPY_DST, USAGE_COPY_SRC, USAGE_STORAGE, USAGE_UNIFORM } from "./gpu-flags.js";
import { GrowingBuffer } from "./growing-buffer.js";
import { DTYPE_BYTES } from "./host-tensors.js";
import { layoutAux, type AuxLayout } from "./input-layout.js";
import { checkInputNames } from "./input-names.js";
import { dispatchKeyOrder, KeyOrderBuffers, keyOrderPipelines, type KeyOrderPipelines } from "./key-order/launch.js";
import { checkOrder, keyOrderOf, type OrderKernels, type PairOrder } from "./key-order/plan.js";
import { encodeKeyList } from "./key-lists.js";
import type { AttentionModule, KernelVariant } from "./module.js";
import { orderBuffers, withOrderInputs } from "./orders.js";
import { compilePipeline } from "./pipeline.js";
import { sourceWords } from "./prepare/pass.js";
import { encodePrepare, preparePipelines, type InputParts, type PreparePipelines } from "./prepare/prepare.js";
import { profileOf, type DeviceProfile } from "./profile.js";
import { runOnArrays, type AttentionArrays, type AttentionOutput } from "./run.js";
import { selectionKernels, type SelectionKernels } from "./selection/passes.js";
import type { SelectionPlan } from "./selection/plan.js";
import { checkSelectionBytes, Selections } from "./selection/selections.js";
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
import { CALL_KEYS, callOfKeys, moduleOfCall } from "./windows.js";

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
  /**
   * The order of pairs where queries choose blocks of keys: `keys` takes key order wherever there is room for its parts,
   * `queries` never. By default each launch counts and takes the cheaper one.
   */
  readonly order?: PairOrder | undefined;
  /**
   * The most bytes that the intermediate results of selections may take; by default as many as the device can bind. Calls
   * that need more are run in parts, one after another.
   */
  readonly selectionBytes?: number | undefined;
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
  /** Absent where the module has no selections. */
  readonly selection: SelectionKernels | undefined;
  /** Absent where rows are always computed whole. */
  readonly split: { readonly pipelines: SplitPipelines; readonly options: SplitOptions } | undefined;
  /** Absent where pairs are always in query order. */
  readonly keyOrder: { readonly pipelines: KeyOrderPipelines; readonly order: PairOrder } | undefined;
  readonly selectionBytes: number | undefined;
}

/** A launch that was checked. */
interface LaunchPlan {
  readonly call: ResolvedCall;
  /** As inputs and selections see it. */
  readonly ofKeys: ResolvedCall;
  readonly bindings: Partial<Record<TensorName, GPUBufferBinding>>;
  /** The keys of the call. */
  readonly keys: GPUBufferBinding | undefined;
  readonly aux: AuxLayout;
  readonly inputs: ReadonlyMap<string, InputParts>;
  readonly selection: SelectionPlan | undefined;
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
  /** The module as its inputs are of the call, with what the launcher itself makes among them, and those. */
  private readonly full: AttentionModule;
  private readonly orders: Readonly<Record<string, GPUBuffer>>;
  /** Bound where the caller gave no lse; kernels write nothing to it. */
  private readonly noLse: GPUBuffer;
  /** Scalars and inputs, converted anew by each launch before its kernel reads them. */
  private readonly aux: GrowingBuffer;
  /** Absent where the module has no selections. */
  private readonly selection: Selections | undefined;
  private readonly splitBuffers: SplitBuffers;
  private readonly keyOrderBuffers: KeyOrderBuffers | undefined;
  private lost: GPUDeviceLostInfo | undefined;
  /** Whether the last launch may have taken key order. */
  private mayTurn = false;
  private destroyed = false;

  constructor(parts: OperatorParts) {
    this.parts = parts;
    ({ device: this.device, module: this.module, shape: this.shape, variant: this.variant } = parts);
    this.full = withOrderInputs(moduleOfCall(this.module));
    this.orders = orderBuffers(this.device, this.module);
    const label = `attnc ${this.module.name}`;
    this.uniforms = new ConstantBuffers(this.device, `${label} uniforms`, USAGE_UNIFORM);
    this.scalars = new ConstantBuffers(this.device, `${label} scalars`, USAGE_STORAGE | USAGE_COPY_SRC);
    this.noLse = this.device.createBuffer({ label: `${label} no lse`, size: 16, usage: USAGE_STORAGE });
    this.aux = new GrowingBuffer(this.device, `${label} aux`, USAGE_STORAGE | USAGE_COPY_DST);
    this.selection =
      parts.selection && new Selections(this.device, moduleOfCall(this.module), parts.selection, this.uniforms, parts.selectionBytes);
    this.splitBuffers = new SplitBuffers(this.device, label);
    this.keyOrderBuffers = parts.keyOrder && new KeyOrderBuffers(this.device, label);
    void this.device.lost.then((info) => {
      this.lost = info;
    });
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

  /** Where the inputs are and where they go. Throws ATTN5206 to ATTN5210 and ATTN5212. */
  private locateInputs(
    buffers: Readonly<Record<string, unknown>>,
    call: ResolvedCall,
  ): { aux: AuxLayout; inputs: ReadonlyMap<string, InputParts> } {
    const located = this.full.inputs.map((spec) => {
      const given = this.orders[spec.name] ?? (buffers[spec.name] as InputBuffer | CsrBuffers);
      return [spec.name, inputParts(this.device, spec, given)] as const;
    });
    const aux = layoutAux(this.full, call, new Map(located.map(([name, { extent }]) => [name, extent])));
    const names = this.module.inputs.map((input) => input.name).join(", ");
    checkBindingSize(names || this.module.layout || (this.selection ? "selections" : "aux"), aux.words * 4, this.device);
    for (const input of aux.inputs) {
      checkBindingSize(input.spec.name, sourceWords(input) * 4, this.device);
    }
    return { aux, inputs: new Map(located.map(([name, { parts }]) => [name, parts])) };
  }

  /**
   * The buffer with scalars, inputs and selections in it. Without inputs and selections it is the constant buffer of the
   * scalars. Otherwise the commands that fill it come before the kernel in the same encoder, so that one
   * buffer serves launches encoded in any order.
   */
  private encodeAux(encoder: GPUCommandEncoder, layout: AuxLayout, inputs: ReadonlyMap<string, InputParts>, call: ResolvedCall): GPUBuffer {
    const scalars = scalarWords(this.module, call);
    const scalarBuffer = scalars.length === 0 ? undefined : this.scalars.get(scalars);
    if (layout.inputs.length === 0 && layout.matrices.length === 0) return scalarBuffer ?? this.aux.atLeast(16);
    const aux = this.aux.atLeast(layout.words * 4);
    if (scalarBuffer !== undefined) encoder.copyBufferToBuffer(scalarBuffer, 0, aux, layout.scalars * 4, scalars.byteLength);
    for (const input of layout.inputs) {
      const parts = inputs.get(input.spec.name)!;
      encodePrepare(this.device, encoder, this.parts.prepare, this.uniforms, aux, input, parts, call.n);
    }
    return aux;
  }

  /** Checks all but what only the kernel has to do with. */
  private plan(buffers: Readonly<Record<string, unknown>>, call: AttentionCall, tensors: readonly TensorName[]): LaunchPlan {
    this.checkUsable();
    const resolved = resolveCall(this.module, this.shape, call);
    checkInputNames(this.module, buffers);
    const bindings = tensorBindings(this.device, this.module.dtype, buffers, resolved, tensors);
    const ofKeys = callOfKeys(this.module, resolved);
    const { aux, inputs } = this.locateInputs(buffers, ofKeys);
    const selection = this.selection && this.selection.plan(ofKeys, aux, buffers);
    const keys = this.module.windows === undefined ? bindings.k : this.bindCallKeys(buffers, ofKeys);
    const written = Object.fromEntries((selection?.selected ?? []).map(({ matrix, binding }) => [`selected.${matrix.spec.name}`, binding]));
    checkAliasing({ ...bindings, ...written }, ["out", "lse", ...Object.keys(written)]);
    return { call: resolved, ofKeys, bindings, keys, aux, inputs, selection };
  }

  private bindCallKeys(buffers: Readonly<Record<string, unknown>>, { batch, kvHeads, n, headDim }: ResolvedCall): GPUBufferBinding {
    const part = bufferPart("k", buffers[CALL_KEYS] as BufferRef, this.device);
    return tensorBinding("k", part, [batch, kvHeads, n, headDim], DTYPE_BYTES[this.module.dtype], this.device);
  }

  /** Encodes what comes before the kernel and gives the aux buffer that it reads. */
  private encodeBefore(
    encoder: GPUCommandEncoder,
    { ofKeys: call, bindings, keys, aux, inputs, selection }: LaunchPlan,
    timestampWrites?: GPUComputePassTimestampWrites,
  ): GPUBuffer {
    const buffer = this.encodeAux(encoder, aux, inputs, call);
    if (selection !== undefined) {
      this.selection!.encode(encoder, selection, { call, layout: aux, aux: buffer, q: bindings.q!, k: keys! }, timestampWrites);
    }
    // Inputs and selections have their bits there by now.
    const pipeline = this.parts.prepare.get("key list");
    for (const list of aux.lists) encodeKeyList(this.device, encoder, pipeline!, this.uniforms, buffer, list);
    return buffer;
  }

  /**
   * Encodes a launch into the app's encoder: passes that convert the inputs and make the selections, if there are any,
   * then the kernel. Submits nothing and keeps nothing that a later call changes, so calls may be encoded in a
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
    const plan = this.plan(buffers, call, ["q", "k", "v", "out", "lse"]);
    const { call: resolved, bindings: tensors, aux } = plan;
    const rows = this.module.queryPlaces === true ? resolved.n : resolved.nq;
    const tiles = Math.ceil(rows / this.variant.tileQ);
    const total = tiles * resolved.heads * resolved.batch;
    const groups = foldWorkgroups(total, this.device);
    const { split: ways, keyOrder } = this.parts;
    const order =
      keyOrder && keyOrderOf(this.module, orderKernels(this.variant), resolved, aux, groups, keyOrder.order, this.device.limits);
    const split =
      order === undefined && ways !== undefined
        ? splitOf(this.variant, resolved, tiles, this.module.uneven === true, ways.options, this.device.limits)
        : undefined;
    const uniforms = uniformWords(this.module, { call: resolved, aux, tiles, writeLse: tensors.lse !== undefined, split });

    const auxBuffer = this.encodeBefore(encoder, plan);
    this.mayTurn = order !== undefined;
    const bindings: WholeBindings = {
      uniforms: { buffer: this.uniforms.get(uniforms) },
      q: tensors.q!,
      k: tensors.k!,
      v: tensors.v!,
      aux: { buffer: auxBuffer },
      out: tensors.out!,
      lse: tensors.lse ?? { buffer: this.noLse },
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
    const { pipeline } = this.parts;
    if (order !== undefined) {
      const own = { kernels: keyOrder!.pipelines, buffers: this.keyOrderBuffers!.for(order), constants: this.uniforms };
      dispatchKeyOrder(this.device, pass, own, bindings, order, { pipeline, group }, tiles);
    } else {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...groups);
    }
    pass.end();
  }

  /** The order that the last submitted launch chose, for measurements: reads it back. */
  async lastOrder(): Promise<Exclude<PairOrder, "auto">> {
    this.checkUsable();
    return this.mayTurn && (await this.keyOrderBuffers!.keysFirst()) ? "keys" : "queries";
  }

  /**
   * Encodes what comes before the kernel, and not the kernel: what the selections choose goes to `buffers.selected`.
   * For layers that only choose, and for timing: `timestampWrites` goes to the pass of the selections. Throws as
   * {@link encode}.
   */
  encodeSelection(
    encoder: GPUCommandEncoder,
    buffers: Omit<AttentionBuffers, "v" | "out" | "lse">,
    call: AttentionCall,
    timestampWrites?: GPUComputePassTimestampWrites,
  ): void {
    this.encodeBefore(encoder, this.plan(buffers, call, ["q", "k"]), timestampWrites);
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
    this.keyOrderBuffers?.destroy();
    this.selection?.destroy();
    for (const buffer of Object.values(this.orders)) buffer.destroy();
  }
}

/** Tiles of both orders have the queries of one head, but for those of a group in key order. */
function orderKernels({ tileQ, tileK, valueDim, keyOrder }: KernelVariant): OrderKernels {
  const tile = { tileQ, tileK, heads: 1 };
  return { keyTile: tile, queryTile: tile, valueDim, rest: keyOrder?.rest !== undefined };
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
  checkSelectionBytes(options.selectionBytes);
  const mayCut = options.split !== false && (profile === "gpu" || options.split !== undefined);
  const order = options.order ?? "auto";
  checkOrder(order);
  const mayTurn = order !== "queries" && variant.keyOrder !== undefined;
  const [pipeline, prepare, pipelines, selection, turned] = await Promise.all([
    compilePipeline(device, `${module.name} ${variant.name}`, variant.wgsl, pipelineLayout),
    preparePipelines(device, withOrderInputs(module)),
    mayCut ? splitPipelines(device, `${module.name} ${variant.name}`, variant) : undefined,
    selectionKernels(device, module),
    mayTurn ? keyOrderPipelines(device, `${module.name} ${variant.name}`, variant) : undefined,
  ]);
  const split = pipelines && { pipelines, options: options.split === false ? {} : (options.split ?? {}) };
  const keyOrder = turned && { pipelines: turned, order };
  const { selectionBytes } = options;
  const made = { pipeline, layout, prepare, selection, split, keyOrder, selectionBytes };
  return new AttentionOperator({ device, module, shape: resolved, variant, ...made });
}
