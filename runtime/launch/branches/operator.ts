import type { AttentionBuffers } from "../attention-buffers.js";
import { bufferPart, checkAliasing, partsOf, tensorBinding, type BufferRef } from "../buffers.js";
import { resolveCall, resolveShape, type AttentionCall, type AttentionShape, type ResolvedCall, type ResolvedShape } from "../call.js";
import { ConstantBuffers } from "../constant-buffers.js";
import { USAGE_STORAGE, USAGE_UNIFORM } from "../gpu-flags.js";
import { GrowingBuffer } from "../growing-buffer.js";
import { DTYPE_BYTES } from "../host-tensors.js";
import { createAttention, type AttentionOperator, type AttentionOptions } from "../operator.js";
import { requirements, type Requirements } from "../variant.js";
import { callOf, checkBranchedNames, checkLse, floatTensors, inputsOf, withShapes } from "./inputs.js";
import type { FloatTensor } from "./inputs.js";
import { encodeMix, mixBuffers, mixKernel, type MixKernel } from "./mix.js";
import { CALL_KEYS } from "../windows.js";
import type { BranchedModule } from "./module.js";
import { runBranched, type BranchedArrays, type BranchedOutput } from "./run.js";

/** Tensors of a launch as for one attention, with gates and pooled tensors by their names. */
export type BranchedBuffers = AttentionBuffers;

/** As for one attention; a kernel cannot be chosen by its name. */
export type BranchedOptions = Omit<AttentionOptions, "variant">;

interface Parts {
  readonly device: GPUDevice;
  readonly module: BranchedModule;
  readonly shape: ResolvedShape;
  readonly operators: readonly AttentionOperator[];
  readonly mix: MixKernel;
}

/** A launch that was checked. */
interface Plan {
  readonly call: ResolvedCall;
  /** Gates and pooled tensors. */
  readonly floats: readonly FloatTensor[];
  readonly q: GPUBufferBinding;
  readonly out: GPUBufferBinding;
  readonly lse: GPUBufferBinding | undefined;
  /** Gates in the order of the module. */
  readonly gates: readonly GPUBufferBinding[];
}

/** One attention with branches on one device. Made by {@link createBranchedAttention}. */
export class BranchedOperator<Output extends BranchedOutput = BranchedOutput> {
  readonly device: GPUDevice;
  readonly module: BranchedModule;
  readonly shape: ResolvedShape;
  /** The operators of the branches, in the order of the module. */
  readonly operators: readonly AttentionOperator[];
  private readonly mix: MixKernel;
  private readonly uniforms: ConstantBuffers;
  /** What branches compute: their outputs, and the lse of those that are weighed by it, one after another. */
  private readonly outs: readonly GrowingBuffer[];
  private readonly lses: GrowingBuffer;
  /** Bound where the caller gave no lse. */
  private readonly noLse: GPUBuffer;

  constructor({ device, module, shape, operators, mix }: Parts) {
    this.device = device;
    this.module = module;
    this.shape = shape;
    this.operators = operators;
    this.mix = mix;
    const label = `attnc ${module.name}`;
    this.uniforms = new ConstantBuffers(device, `${label} mix uniforms`, USAGE_UNIFORM);
    this.outs = module.branches.map(({ name }) => new GrowingBuffer(device, `${label} ${name} out`, USAGE_STORAGE));
    this.lses = new GrowingBuffer(device, `${label} lse`, USAGE_STORAGE);
    this.noLse = device.createBuffer({ label: `${label} no lse`, size: 16, usage: USAGE_STORAGE });
  }

  /** Throws ATTN5105 after the device was lost, ATTN5107 after {@link destroy}. */
  checkUsable(): void {
    for (const operator of this.operators) operator.checkUsable();
  }

  /**
   * Encodes a launch into the app's encoder: each branch into buffers of the operator, then the kernel that mixes them
   * into `out` (and `lse`, where the output has one). Submits nothing; calls may be encoded in a row. Throws an
   * `AttnError` that names the field before anything is encoded that writes to the app's buffers.
   */
  encode(encoder: GPUCommandEncoder, buffers: BranchedBuffers, call: AttentionCall): void {
    const plan = this.plan(buffers, call);
    const { mix, branches } = this.module;
    const rows = plan.call.batch * plan.call.heads * plan.call.nq;
    const vectors = plan.call.valueDim / 4;
    const outBytes = plan.out.size!;
    const alignment = this.device.limits.minStorageBufferOffsetAlignment;
    const lseBytes = Math.ceil((rows * 4) / alignment) * alignment;
    const lses = mix.weighs.length === 0 ? undefined : this.lses.atLeast(lseBytes * mix.weighs.length);
    const outs = this.outs.map((out) => out.atLeast(Math.max(16, outBytes)));
    let empty = 0;
    const inputs = withShapes(plan.floats, buffers, (ref, shape) => ({ ...partsOf(ref as BufferRef), shape }));
    branches.forEach((branch, i) => {
      const given = inputsOf(this.module, i, inputs);
      const made = callOf(branch, call, plan.call);
      if (made === undefined) {
        empty |= 1 << i;
        if (given["selected"] === undefined) return;
      }
      // What it selects is asked for: it is computed with one of the call's keys, and the output not looked at.
      const own = made ?? callOf(branch, call, plan.call, 1)!;
      const at = mix.weighs.indexOf(i);
      const lse = at < 0 ? undefined : { buffer: lses!, offset: at * lseBytes, size: rows * 4 };
      const { windows } = branch;
      const keys =
        windows === undefined || made === undefined
          ? { k: buffers.k, v: buffers.v }
          : { k: buffers[windows.key], v: buffers[windows.value] };
      const tensors = {
        ...given,
        q: buffers.q,
        ...keys,
        ...(branch.module.windows === undefined ? {} : { [CALL_KEYS]: buffers.k }),
        out: { buffer: outs[i]!, size: outBytes },
        lse,
      };
      this.operators[i]!.encode(encoder, tensors as AttentionBuffers, own);
    });
    const words = Int32Array.of(rows, vectors, plan.lse === undefined ? 0 : 1, empty, lseBytes / 4);
    const bindings: GPUBufferBinding[] = [
      { buffer: this.uniforms.get(words) },
      ...outs.map((buffer) => ({ buffer, size: outBytes })),
      ...(lses === undefined ? [] : [{ buffer: lses, size: lseBytes * mix.weighs.length }]),
      ...plan.gates,
      plan.out,
      ...(mix.lse ? [plan.lse ?? { buffer: this.noLse }] : []),
    ];
    encodeMix(this.device, encoder, this.mix, `attnc ${this.module.name} mix`, bindings, rows * vectors);
  }

  /** Checks all that the whole of a call has to do with; the branches check what they are given themselves. */
  private plan(buffers: BranchedBuffers, call: AttentionCall): Plan {
    this.checkUsable();
    const resolved = resolveCall(this.module.call, this.shape, call);
    const floats = floatTensors(this.module, resolved);
    checkBranchedNames(this.module, floats, buffers);
    checkLse(this.module, buffers.lse);
    const bytes = DTYPE_BYTES[this.module.call.dtype];
    const { batch, heads, kvHeads, n, nq, headDim, valueDim } = resolved;
    const bind = (name: string, shape: readonly number[], elementBytes: number): GPUBufferBinding =>
      tensorBinding(name, bufferPart(name, buffers[name] as BufferRef, this.device), shape, elementBytes, this.device);
    const q = bind("q", [batch, heads, nq, headDim], bytes);
    const out = bind("out", [batch, heads, nq, valueDim], bytes);
    const lse = buffers.lse === undefined ? undefined : bind("lse", [batch, heads, nq], 4);
    const read = {
      q,
      k: bind("k", [batch, kvHeads, n, headDim], bytes),
      v: bind("v", [batch, kvHeads, n, valueDim], bytes),
      ...Object.fromEntries(floats.map(({ name, shape, own }) => [name, bind(name, shape, own ? bytes : 4)])),
    };
    checkAliasing({ ...read, out, ...(lse === undefined ? {} : { lse }) }, ["out", "lse"]);
    return {
      call: resolved,
      floats,
      q,
      out,
      lse,
      gates: this.module.gates.map(({ name }) => (read as Record<string, GPUBufferBinding>)[name]!),
    };
  }

  /** Runs on plain arrays: uploads, launches, waits and reads back. Rejects with an `AttnError`. */
  run(arrays: BranchedArrays, call: AttentionCall): Promise<Output> {
    return runBranched(this, arrays, call) as Promise<Output>;
  }

  /** Frees the operator's own buffers. What was encoded must have been submitted before. */
  destroy(): void {
    for (const operator of this.operators) operator.destroy();
    this.uniforms.destroy();
    for (const out of this.outs) out.destroy();
    this.lses.destroy();
    this.noLse.destroy();
  }
}

/**
 * Makes an operator of a module with branches: an operator for each, and the kernel that mixes them. Rejects as
 * `createAttention` does. `Output` is what a run gives back: with an lse where `module.mix.lse` says so.
 */
export async function createBranchedAttention<Output extends BranchedOutput = BranchedOutput>(
  device: GPUDevice,
  module: BranchedModule,
  shape: AttentionShape = {},
  options: BranchedOptions = {},
): Promise<BranchedOperator<Output>> {
  const resolved = resolveShape(module.call, shape);
  const operators = await Promise.all(module.branches.map((branch) => createAttention(device, branch.module, resolved, options)));
  return new BranchedOperator<Output>({ device, module, shape: resolved, operators, mix: await mixKernel(device, module) });
}

/** Features and limits to request a device with; see `requirements`. */
export function branchedRequirements(
  module: BranchedModule,
  adapter?: Parameters<typeof requirements>[1],
  shape: Partial<ResolvedShape> = {},
): Requirements {
  const all = module.branches.map((branch) => requirements(branch.module, adapter, shape));
  const requiredLimits: Record<string, number> = { maxStorageBuffersPerShaderStage: mixBuffers(module) };
  for (const [name, least] of all.flatMap((each) => Object.entries(each.requiredLimits))) {
    requiredLimits[name] = Math.max(requiredLimits[name] ?? 0, least);
  }
  return { requiredFeatures: [...new Set(all.flatMap((each) => each.requiredFeatures))], requiredLimits };
}
