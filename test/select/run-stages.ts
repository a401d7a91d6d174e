import type { Stage } from "../../compiler/select/ir.js";
import type { SelectionCall } from "../../compiler/select/memory.js";
import type { SelectionKernels } from "../../compiler/targets/wgsl/select.js";
import { toHalfArray } from "../../runtime/launch/half.js";
import type { Division } from "../../runtime/launch/selection/parts.js";
import { layoutStages } from "./layout.js";
import type { StagesResult } from "./layout.js";

/** Pipelines of all stages; every stage has the bindings that the manifest says. */
export function compileStages(device: GPUDevice, { stages }: SelectionKernels): Promise<readonly GPUComputePipeline[]> {
  return Promise.all(
    stages.map(({ wgsl, floatInputs }) => {
      const layout = device.createBindGroupLayout({
        entries: Array.from({ length: 5 + floatInputs.length }, (_, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: binding === 0 ? "uniform" : binding === 3 || binding === 4 ? "storage" : "read-only-storage" },
        })),
      });
      return device.createComputePipelineAsync({
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module: device.createShaderModule({ code: wgsl }), entryPoint: "main" },
      });
    }),
  );
}

/**
 * Dispatches the stages of a selection on a device, by the manifest alone: the least that a launcher does. Of a call that is
 * run in parts only the bits are kept.
 */
export async function runStagesOn(
  device: GPUDevice,
  kernels: SelectionKernels,
  pipelines: readonly GPUComputePipeline[],
  call: SelectionCall,
  division?: Division,
): Promise<StagesResult> {
  const { runs, scratchWords, aux, bitsIn } = layoutStages(kernels, kernels.stages, call, division);
  const { module } = kernels.program;
  const tensor = (data: Float32Array): ArrayBufferView => (module.shape.dtype === "f16" ? toHalfArray(data) : data);
  const made: GPUBuffer[] = [];
  const buffer = (data: ArrayBufferView, usage: number): GPUBuffer => {
    const each = device.createBuffer({ size: Math.max(16, Math.ceil(data.byteLength / 4) * 4), usage, mappedAtCreation: true });
    new Uint8Array(each.getMappedRange()).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    each.unmap();
    made.push(each);
    return each;
  };
  const { STORAGE, UNIFORM, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const auxBuffer = buffer(aux, STORAGE | COPY_SRC);
  // Whatever stood there before: numbers that are no numbers.
  const scratchBuffer = buffer(new Uint32Array(Math.max(4, scratchWords)).fill(0xffffffff), STORAGE | COPY_SRC);
  const fixed = [buffer(tensor(call.q), STORAGE), buffer(tensor(call.k), STORAGE), auxBuffer, scratchBuffer];
  const floats = new Map(Object.entries(call.floats ?? {}).map(([name, value]) => [name, buffer(value.data, STORAGE)]));
  const encoder = device.createCommandEncoder();
  const copies: GPUBuffer[] = [];
  const read = (from: GPUBuffer): (() => Uint32Array) => {
    const to = device.createBuffer({ size: from.size, usage: MAP_READ | COPY_DST });
    copies.push(to);
    encoder.copyBufferToBuffer(from, 0, to, 0, from.size);
    return () => new Uint32Array(to.getMappedRange().slice(0));
  };
  const after = new Map<Stage, () => Uint32Array>();
  for (const { stages, sizes, uniforms } of runs) {
    const words = buffer(uniforms, UNIFORM);
    for (const stage of stages) {
      const count = sizes[stage.workgroups]!;
      const index = kernels.stages.indexOf(stage);
      // No window fits into a short call.
      if (count > 0) {
        const buffers = [words, ...fixed, ...stage.floatInputs.map((name) => floats.get(name)!)];
        const pipeline = pipelines[index]!;
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        const entries = buffers.map((each, binding) => ({ binding, resource: { buffer: each } }));
        pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
        // In two dimensions, with some workgroups too many.
        const x = Math.min(count, 37);
        pass.dispatchWorkgroups(x, Math.ceil(count / x));
        pass.end();
      }
      if (division === undefined) after.set(kernels.stagesOf[index]!, read(scratchBuffer));
    }
  }
  const readAux = read(auxBuffer);
  device.queue.submit([encoder.finish()]);
  await Promise.all(copies.map((each) => each.mapAsync(GPUMapMode.READ)));
  const result = { bits: bitsIn(readAux()), scratch: new Map([...after].map(([stage, words]) => [stage, words()])) };
  for (const each of [...made, ...copies]) each.destroy();
  return result;
}
