import { bindGroupLayout } from "./bind-layout.js";
import { compilePipeline } from "./pipeline.js";

/** A compiled kernel with the layout of its bind group. */
export interface Kernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Compiles the kernel `name` of an operator, whose bindings have these types in order. Rejects with ATTN5104. */
export async function compileKernel(
  device: GPUDevice,
  operator: string,
  name: string,
  bindings: readonly GPUBufferBindingType[],
  text: string,
): Promise<Kernel> {
  const layout = bindGroupLayout(device, `attnc ${name}`, bindings);
  const pipelineLayout = () => device.createPipelineLayout({ label: `attnc ${name}`, bindGroupLayouts: [layout] });
  return { layout, pipeline: await compilePipeline(device, `${operator} ${name}`, text, pipelineLayout) };
}
