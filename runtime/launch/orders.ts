import { orderTable } from "./curves.js";
import { USAGE_STORAGE } from "./gpu-flags.js";
import type { AttentionModule, InputSpec } from "./module.js";

/** The module with the tables of its order among the inputs: they are converted and read as those of the caller are. */
export function withOrderInputs(module: AttentionModule): AttentionModule {
  if (module.orders === undefined) return module;
  const tables = module.orders.map(({ name }): InputSpec => ({ kind: "ids", name, axis: "k" }));
  return { ...module, inputs: [...module.inputs, ...tables] };
}

/** The tables of a module's order in buffers, by name. */
export function orderBuffers(device: GPUDevice, module: AttentionModule): Readonly<Record<string, GPUBuffer>> {
  return Object.fromEntries(
    (module.orders ?? []).map((spec) => {
      const table = orderTable(spec);
      const label = `attnc ${module.name} ${spec.name}`;
      const buffer = device.createBuffer({ label, size: table.byteLength, usage: USAGE_STORAGE, mappedAtCreation: true });
      new Int32Array(buffer.getMappedRange()).set(table);
      buffer.unmap();
      return [spec.name, buffer];
    }),
  );
}
