import { STAGE_COMPUTE } from "./gpu-flags.js";

/** Bindings of a kernel: uniforms, q, k, v, aux, out, lse. */
export const KERNEL_BINDINGS: readonly GPUBufferBindingType[] = [
  "uniform",
  "read-only-storage",
  "read-only-storage",
  "read-only-storage",
  "read-only-storage",
  "storage",
  "storage",
];

/**
 * The layout of bind group 0 of a kernel, by the types of its buffers in order. Said in full: the
 * automatic layout leaves out what a kernel does not happen to use.
 */
export function bindGroupLayout(device: GPUDevice, label: string, types: readonly GPUBufferBindingType[]): GPUBindGroupLayout {
  const entries = types.map((type, binding) => ({ binding, visibility: STAGE_COMPUTE, buffer: { type } }));
  return device.createBindGroupLayout({ label, entries });
}
