import type { InferenceSession, Tensor, TypedTensor } from "onnxruntime-web";
import type { PeerContestant, PeerMask, Runner } from "../measure/contestant.js";
import { swapLeading, tensorsOf } from "../measure/data.js";
import { emptyBuffer, readBuffer, uploadBuffer } from "../measure/gpu-buffers.js";
import { peerModel } from "./models.js";
import { writeOnnx } from "./onnx.js";

export type OnnxRuntime = typeof import("onnxruntime-web");

const sees = (mask: PeerMask, q: number, k: number): boolean => k <= q && (mask.kind === "causal" || q - k < mask.window);

/** The mask as a tensor that is added to the scores: 0, and a great negative number where nothing may be looked at. */
function biasOf(mask: PeerMask, length: number): Float32Array<ArrayBuffer> {
  const bias = new Float32Array(length * length).fill(-1e9);
  for (let q = 0; q < length; q++) for (let k = 0; k <= q; k++) if (sees(mask, q, k)) bias[q * length + k] = 0;
  return bias;
}

/** Makes a session of one operator on the device that the runtime was given. */
export async function preparePeer(ort: OnnxRuntime, device: GPUDevice, contestant: PeerContestant): Promise<Runner> {
  const { workload, mask, mode } = contestant;
  const { heads, headDim, length } = workload;
  const model = peerModel(contestant);
  const session = await ort.InferenceSession.create(writeOnnx(model), { executionProviders: [{ name: "webgpu", device }] });
  const { q, k, v } = tensorsOf(workload);
  const arrays: Record<string, Float32Array<ArrayBuffer>> = {};
  for (const [name, values] of Object.entries({ q, k, v })) arrays[name] = swapLeading(values, heads, length);
  if (model.inputs.some(({ name }) => name === "bias")) arrays["bias"] = biasOf(mask, length);
  // Lengths: of the last key, and of the whole.
  const scalars = { seqlens_k: new ort.Tensor("int32", [length - 1], [1]), total_length: new ort.Tensor("int32", [length], [1]) };
  const shared = { mask: (_: number, query: number, key: number) => sees(mask, query, key) };
  const feedsOf = (tensor: (name: string, dims: readonly number[]) => Tensor): InferenceSession.FeedsType =>
    Object.fromEntries(
      model.inputs.map(({ name, shape }) => [
        name,
        name in scalars ? scalars[name as keyof typeof scalars] : tensor(name, shape as number[]),
      ]),
    );

  if (mode === "transfers") {
    let last: Float32Array = new Float32Array();
    const feeds = feedsOf((name, dims) => new ort.Tensor("float32", arrays[name]!, dims));
    return {
      ...shared,
      time: async () => {
        const start = performance.now();
        last = (await session.run(feeds, ["out"]))["out"]!.data as Float32Array;
        return performance.now() - start;
      },
      output: () => Promise.resolve(swapLeading(last, length, heads)),
      destroy: () => session.release(),
    };
  }

  const buffers: GPUBuffer[] = [];
  const onDevice = (buffer: GPUBuffer, dims: readonly number[]): TypedTensor<"float32"> => {
    buffers.push(buffer);
    return ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims }) as TypedTensor<"float32">;
  };
  const feeds = feedsOf((name, dims) => onDevice(uploadBuffer(device, arrays[name]!), dims));
  const out = emptyBuffer(device, q.byteLength);
  const fetches = { out: onDevice(out, [1, length, heads * headDim]) };
  return {
    ...shared,
    time: async () => {
      await device.queue.onSubmittedWorkDone();
      const start = performance.now();
      await session.run(feeds, fetches);
      await device.queue.onSubmittedWorkDone();
      return performance.now() - start;
    },
    output: async () => swapLeading(await readBuffer(device, out), length, heads),
    destroy: async () => {
      await session.release();
      for (const buffer of buffers) buffer.destroy();
    },
  };
}
