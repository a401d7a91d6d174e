import { headEvaluator } from "../../compiler/mask/evaluate.js";
import { createAttention, type AttentionModule, type DeviceProfile } from "../../runtime/index.js";
import type { OwnContestant, Runner } from "./contestant.js";
import { tensorsOf } from "./data.js";
import { emptyBuffer, readBuffer, uploadBuffer } from "./gpu-buffers.js";

/** Compiles a kernel and puts its tensors where the mode wants them. */
export async function prepareOwn(device: GPUDevice, profile: DeviceProfile, contestant: OwnContestant): Promise<Runner> {
  const { workload, mode, scalars, launch, variant, repeat = 1 } = contestant;
  const { heads, headDim, length } = workload;
  const module: AttentionModule = {
    ...contestant.module,
    ...(scalars && { scalars: { count: scalars[0]?.length ?? 0, evaluate: ({ h }) => scalars[h] ?? [] } }),
  };
  const shape = { heads, kvHeads: heads, headDim, valueDim: headDim };
  const operator = await createAttention(device, module, shape, { profile, variant });
  const arrays = tensorsOf(workload);
  const call = { length, ...launch };
  const env = { N: length, NQ: length, heads, kvHeads: heads, ...launch, params: defaults(module) };
  const looks = Array.from({ length: heads }, (_, h) => headEvaluator(contestant.mask, env, 0, h));
  const { name, tileQ, tileK } = operator.variant;
  const shared = { mask: (h: number, q: number, k: number) => looks[h]!(q, k), kernel: { name, tileQ, tileK } };

  if (mode === "transfers") {
    let last: Float32Array = new Float32Array();
    return {
      ...shared,
      time: async () => {
        const start = performance.now();
        last = (await operator.run(arrays, call)).out;
        return performance.now() - start;
      },
      output: () => Promise.resolve(last),
      destroy: () => Promise.resolve(operator.destroy()),
    };
  }

  const [q, k, v] = [arrays.q, arrays.k, arrays.v].map((values) => uploadBuffer(device, values)) as [GPUBuffer, GPUBuffer, GPUBuffer];
  const out = emptyBuffer(device, arrays.q.byteLength);
  return {
    ...shared,
    time: async () => {
      const encoder = device.createCommandEncoder();
      for (let i = 0; i < repeat; i++) operator.encode(encoder, { q, k, v, out }, call);
      const commands = encoder.finish();
      await device.queue.onSubmittedWorkDone();
      const start = performance.now();
      device.queue.submit([commands]);
      await device.queue.onSubmittedWorkDone();
      return (performance.now() - start) / repeat;
    },
    output: () => readBuffer(device, out),
    destroy: () => {
      operator.destroy();
      for (const buffer of [q, k, v, out]) buffer.destroy();
      return Promise.resolve();
    },
  };
}

function defaults(module: AttentionModule): Record<string, number> {
  return Object.fromEntries(module.params.map((param) => [param.name, param.default ?? 0]));
}
