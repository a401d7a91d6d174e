import { bindGroupLayout } from "../bind-layout.js";
import { compilePipeline } from "../pipeline.js";
import { AttnError } from "../errors.js";
import { foldWorkgroups } from "../dispatch.js";
import { MIX_THREADS, type BranchedModule } from "./module.js";

/** The compiled kernel that mixes the outputs of branches. */
export interface MixKernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Storage buffers that the kernel binds. */
export function mixBuffers({ branches, gates, mix }: BranchedModule): number {
  return branches.length + (mix.weighs.length > 0 ? 1 : 0) + gates.length + 1 + (mix.lse ? 1 : 0);
}

/** Rejects with ATTN5102 where the device binds too few buffers, ATTN5104 where the text does not compile. */
export async function mixKernel(device: GPUDevice, module: BranchedModule): Promise<MixKernel> {
  const count = mixBuffers(module);
  const limit = device.limits.maxStorageBuffersPerShaderStage;
  if (count > limit) {
    throw new AttnError("ATTN5102", {
      field: "device.limits.maxStorageBuffersPerShaderStage",
      expected: `at least ${count}, for the ${module.branches.length} branches of ${module.name}`,
      found: String(limit),
      remedy: "Request the device with `requirements`: WebGPU gives the lowest limits unless asked.",
    });
  }
  const written = module.mix.lse ? 2 : 1;
  const types: GPUBufferBindingType[] = [
    "uniform",
    ...Array<GPUBufferBindingType>(count - written).fill("read-only-storage"),
    ...Array<GPUBufferBindingType>(written).fill("storage"),
  ];
  const label = `attnc ${module.name} mix`;
  const layout = bindGroupLayout(device, label, types);
  const pipelineLayout = () => device.createPipelineLayout({ label, bindGroupLayouts: [layout] });
  return { layout, pipeline: await compilePipeline(device, label, module.mix.wgsl, pipelineLayout) };
}

/** Encodes the kernel; bindings in the order of its text. */
export function encodeMix(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  { pipeline, layout }: MixKernel,
  label: string,
  bindings: readonly GPUBufferBinding[],
  vectors: number,
): void {
  const pass = encoder.beginComputePass({ label });
  const entries = bindings.map((resource, binding) => ({ binding, resource }));
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ label, layout, entries }));
  pass.dispatchWorkgroups(...foldWorkgroups(Math.ceil(vectors / MIX_THREADS), device));
  pass.end();
}
