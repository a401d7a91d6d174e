import { bindGroupLayout } from "../bind-layout.js";
import { bufferPart, checkAliasing, tensorBinding, type BufferRef } from "../buffers.js";
import { ConstantBuffers } from "../constant-buffers.js";
import { foldWorkgroups } from "../dispatch.js";
import { AttnError } from "../errors.js";
import { USAGE_UNIFORM } from "../gpu-flags.js";
import { DTYPE_BYTES } from "../host-tensors.js";
import { MERGE_THREADS, mergeText } from "./text.js";

/** A part of an attention on the device: out [rows, valueDim] of the dtype, lse [rows] of float32. See `AttentionPart`. */
export interface PartBuffers {
  readonly out: BufferRef;
  readonly lse: BufferRef;
}

export interface MergeSizes {
  /** Rows of all batch entries and heads: batch * heads * queries. */
  readonly rows: number;
  readonly valueDim: number;
  /** That of the outputs; f32 when left out. */
  readonly dtype?: "f32" | "f16" | undefined;
}

interface MergeKernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** What a device has for merges, made at the first one. */
interface MergeTools {
  readonly uniforms: ConstantBuffers;
  readonly kernels: Map<string, MergeKernel>;
}

const TOOLS = new WeakMap<GPUDevice, MergeTools>();

/**
 * Encodes what `mergeAttention` computes: attention over the keys of both parts into `into`, whose buffers must be
 * others than theirs. Submits nothing. Arithmetic is float32 whatever the dtype. Throws an {@link AttnError} that
 * names the field, before anything is encoded.
 */
export function encodeMerge(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  a: PartBuffers,
  b: PartBuffers,
  into: PartBuffers,
  sizes: MergeSizes,
): void {
  const { rows, valueDim, dtype = "f32" } = sizes;
  const bytes = DTYPE_BYTES[dtype];
  checkMergeSizes(sizes, bytes);
  const bindings: Record<string, GPUBufferBinding> = {};
  const bind = (name: string, ref: BufferRef, shape: readonly number[], elementBytes: number): void => {
    bindings[name] = tensorBinding(name, bufferPart(name, ref, device), shape, elementBytes, device);
  };
  for (const [name, part] of Object.entries({ a, b, into })) {
    bind(`${name}.out`, part.out, [rows, valueDim], bytes);
    bind(`${name}.lse`, part.lse, [rows], 4);
  }
  checkAliasing(bindings, ["into.out", "into.lse"]);
  const words = (valueDim * bytes) / 4;
  const groups = foldWorkgroups(Math.ceil((rows * words) / MERGE_THREADS), device);
  const tools = toolsOf(device);
  const { pipeline, layout } = kernelOf(device, tools, dtype);
  const uniforms = { buffer: tools.uniforms.get(Int32Array.of(rows, words)) };
  const entries = [uniforms, ...Object.values(bindings)].map((resource, binding) => ({ binding, resource }));
  const pass = encoder.beginComputePass({ label: "attnc merge" });
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ label: "attnc merge", layout, entries }));
  pass.dispatchWorkgroups(...groups);
  pass.end();
}

function checkMergeSizes({ rows, valueDim }: MergeSizes, bytes: number): void {
  for (const [field, value, multiple] of [
    ["rows", rows, 1],
    ["valueDim", valueDim, 4 / bytes],
  ] as const) {
    if (Number.isInteger(value) && value >= 1 && value % multiple === 0) continue;
    throw new AttnError("ATTN5201", {
      field,
      expected: multiple === 1 ? "a positive integer" : `a positive multiple of ${multiple}`,
      found: String(value),
      remedy: `Pass a whole number for ${field}.`,
    });
  }
}

function toolsOf(device: GPUDevice): MergeTools {
  let tools = TOOLS.get(device);
  if (tools === undefined) {
    tools = { uniforms: new ConstantBuffers(device, "attnc merge uniforms", USAGE_UNIFORM), kernels: new Map() };
    TOOLS.set(device, tools);
  }
  return tools;
}

function kernelOf(device: GPUDevice, { kernels }: MergeTools, dtype: "f32" | "f16"): MergeKernel {
  let kernel = kernels.get(dtype);
  if (kernel === undefined) {
    const read = Array<GPUBufferBindingType>(4).fill("read-only-storage");
    const layout = bindGroupLayout(device, "attnc merge", ["uniform", ...read, "storage", "storage"]);
    const pipelineLayout = device.createPipelineLayout({ label: "attnc merge", bindGroupLayouts: [layout] });
    const module = device.createShaderModule({ label: "attnc merge", code: mergeText(dtype) });
    const pipeline = device.createComputePipeline({
      label: "attnc merge",
      layout: pipelineLayout,
      compute: { module, entryPoint: "main" },
    });
    kernels.set(dtype, (kernel = { pipeline, layout }));
  }
  return kernel;
}
