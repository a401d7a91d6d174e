import { bindGroupLayout } from "../bind-layout.js";
import type { ConstantBuffers } from "../constant-buffers.js";
import { foldWorkgroups } from "../dispatch.js";
import { AttnError } from "../errors.js";
import type { AttentionModule, SelectionStage } from "../module.js";
import { compilePipeline } from "../pipeline.js";
import { COPY_BITS_THREADS, COPY_BITS_WGSL } from "./copy.js";
import type { BitsCopy, SelectionPlan } from "./plan.js";

interface StageKernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** The compiled stages of a module's selections, and the kernel that copies their bits. */
export interface SelectionKernels {
  readonly stages: ReadonlyMap<SelectionStage, StageKernel>;
  readonly copy: GPUComputePipeline;
}

/** Bindings of every stage: uniforms, q, k, aux, scratch; its float inputs follow. */
const STAGE_BINDINGS: readonly GPUBufferBindingType[] = ["uniform", "read-only-storage", "read-only-storage", "storage", "storage"];

function checkStageBindings(device: GPUDevice, stage: SelectionStage): void {
  const needed = STAGE_BINDINGS.length - 1 + stage.floatInputs.length;
  const limit = device.limits.maxStorageBuffersPerShaderStage;
  if (needed <= limit) return;
  throw new AttnError("ATTN5102", {
    field: "device.limits.maxStorageBuffersPerShaderStage",
    expected: `at least ${needed}, for the selection stage ${stage.name}`,
    found: String(limit),
    remedy: "Request the device with `requirements`: WebGPU gives the lowest limits unless asked.",
  });
}

/** Compiles the stages of a module's selections, once for each device. Rejects with ATTN5102 and ATTN5104. */
export async function selectionKernels(device: GPUDevice, { name, selection }: AttentionModule): Promise<SelectionKernels | undefined> {
  if (selection === undefined) return undefined;
  const compiled = selection.stages.map(async (stage) => {
    checkStageBindings(device, stage);
    const types = [...STAGE_BINDINGS, ...stage.floatInputs.map((): GPUBufferBindingType => "read-only-storage")];
    const layout = bindGroupLayout(device, `attnc ${stage.name}`, types);
    const pipelineLayout = () => device.createPipelineLayout({ label: `attnc ${stage.name}`, bindGroupLayouts: [layout] });
    return [stage, { layout, pipeline: await compilePipeline(device, `${name} ${stage.name}`, stage.wgsl, pipelineLayout) }] as const;
  });
  const [copy, ...stages] = await Promise.all([compilePipeline(device, "attnc copy bits", COPY_BITS_WGSL, "auto"), ...compiled]);
  return { copy, stages: new Map(stages) };
}

/** The buffers that the passes of a launch's selections work on. */
export interface SelectionResources {
  /** The uniforms of each run of the plan. */
  readonly uniforms: readonly GPUBufferBinding[];
  readonly q: GPUBufferBinding;
  readonly k: GPUBufferBinding;
  readonly aux: GPUBuffer;
  readonly scratch: GPUBuffer;
  /** Bound for float inputs without elements. */
  readonly nothing: GPUBuffer;
  /** Where the parameters of copies are kept. */
  readonly constants: ConstantBuffers;
}

/** Encodes the passes of a launch's selections: given ones are copied in, others made, and those asked for copied out. */
export function encodeSelection(
  device: GPUDevice,
  pass: GPUComputePassEncoder,
  kernels: SelectionKernels,
  plan: SelectionPlan,
  resources: SelectionResources,
): void {
  for (const copy of plan.reused) dispatchCopy(device, pass, kernels, copy, resources, "in");
  const { q, k, aux, scratch, nothing } = resources;
  for (const matrix of plan.cleared)
    dispatchCopy(device, pass, kernels, { matrix, binding: { buffer: nothing }, columns: 0 }, resources, "in");
  plan.runs.forEach(({ stages }, run) => {
    for (const { stage, groups } of stages) {
      const { pipeline, layout } = kernels.stages.get(stage)!;
      const floats = stage.floatInputs.map((name) => plan.floatBindings.get(name) ?? { buffer: nothing });
      const bindings = [resources.uniforms[run]!, q, k, { buffer: aux }, { buffer: scratch }, ...floats];
      const entries = bindings.map((resource, binding) => ({ binding, resource }));
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, device.createBindGroup({ label: `attnc ${stage.name}`, layout, entries }));
      pass.dispatchWorkgroups(...groups);
    }
  });
  for (const copy of plan.selected) dispatchCopy(device, pass, kernels, copy, resources, "out");
}

function dispatchCopy(
  device: GPUDevice,
  pass: GPUComputePassEncoder,
  { copy: pipeline }: SelectionKernels,
  { matrix, binding, columns }: BitsCopy,
  { aux, constants }: SelectionResources,
  direction: "in" | "out",
): void {
  const { base } = matrix.fields;
  const count = matrix.batch * matrix.heads * matrix.rows * matrix.rowStride;
  if (count === 0) return;
  const words = new Int32Array(8);
  const clear = Number(columns === 0);
  if (direction === "in") words.set([count, 0, Math.ceil(columns / 32), columns, base, matrix.rowStride, matrix.columns, clear]);
  else words.set([count, base, matrix.rowStride, matrix.columns, 0, matrix.rowStride, matrix.columns]);
  const [from, to] = direction === "in" ? [binding, { buffer: aux }] : [{ buffer: aux }, binding];
  const entries = [{ buffer: constants.get(words) }, from, to].map((resource, i) => ({ binding: i, resource }));
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ label: `attnc ${matrix.spec.name}`, layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(...foldWorkgroups(Math.ceil(count / COPY_BITS_THREADS), device));
}
