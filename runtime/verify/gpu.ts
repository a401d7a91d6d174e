import { resolveCall } from "../launch/call.js";
import type { AttentionCall } from "../launch/call.js";
import { fromHalfArray, toHalfArray } from "../launch/half.js";
import { inputWords } from "../launch/input-arrays.js";
import type { CsrArrays, InputArray } from "../launch/input-arrays.js";
import type { AttentionOperator } from "../launch/operator.js";
import type { VerifyTensors } from "./tensors.js";

/**
 * Runs an operator on whole arrays: what lies beyond the used part goes to the device too, and what
 * the kernel leaves of `out` and `lse` comes back as it is.
 */
export async function runWithTails(
  operator: AttentionOperator,
  tensors: VerifyTensors,
  inputs: Readonly<Record<string, InputArray | CsrArrays>>,
  call: AttentionCall,
): Promise<{ readonly out: Float32Array; readonly lse: Float32Array }> {
  const { device } = operator;
  const half = operator.module.dtype === "f16";
  const buffers: GPUBuffer[] = [];
  const upload = (data: ArrayBufferView<ArrayBuffer>, usage: number): GPUBuffer => {
    const buffer = device.createBuffer({ size: Math.ceil(data.byteLength / 4) * 4, usage: usage | GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(buffer, 0, data.buffer, data.byteOffset, data.byteLength);
    buffers.push(buffer);
    return buffer;
  };
  // An even count keeps f16 arrays whole words: writes go by four bytes.
  const bits = (values: Float32Array): ArrayBufferView<ArrayBuffer> => {
    if (!half) return values as Float32Array<ArrayBuffer>;
    const padded = new Float32Array(values.length + (values.length % 2));
    padded.set(values);
    return toHalfArray(padded);
  };
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const readable = STORAGE | COPY_SRC;
  const given = { q: upload(bits(tensors.q), STORAGE), k: upload(bits(tensors.k), STORAGE), v: upload(bits(tensors.v), STORAGE) };
  const results = { out: upload(bits(tensors.out), readable), lse: upload(tensors.lse as Float32Array<ArrayBuffer>, readable) };
  const staging = device.createBuffer({ size: results.out.size + results.lse.size, usage: MAP_READ | COPY_DST });
  buffers.push(staging);
  try {
    device.pushErrorScope("validation");
    const resolved = resolveCall(operator.module, operator.shape, call);
    const uploaded = operator.module.inputs.map((spec) => {
      const { words, extent, indices } = inputWords(operator.module, spec, resolved, inputs[spec.name]);
      const shaped = { buffer: upload(atLeastOne(words), STORAGE), size: words.byteLength, shape: extent.shape };
      if (indices === undefined) return [spec.name, shaped];
      return [spec.name, { offsets: shaped, indices: { buffer: upload(atLeastOne(indices), STORAGE), size: indices.byteLength } }];
    });
    const encoder = device.createCommandEncoder();
    operator.encode(encoder, { ...(Object.fromEntries(uploaded) as object), ...given, ...results }, call);
    encoder.copyBufferToBuffer(results.out, 0, staging, 0, results.out.size);
    encoder.copyBufferToBuffer(results.lse, 0, staging, results.out.size, results.lse.size);
    device.queue.submit([encoder.finish()]);
    const failed = await device.popErrorScope();
    if (failed) throw new Error(failed.message);
    await staging.mapAsync(GPUMapMode.READ);
    const copy = staging.getMappedRange().slice(0);
    const out = half ? fromHalfArray(new Uint16Array(copy, 0, tensors.out.length)) : new Float32Array(copy, 0, tensors.out.length);
    return { out, lse: new Float32Array(copy, results.out.size, tensors.lse.length) };
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}

/** A buffer has at least a word, also that of an empty list. */
const atLeastOne = (words: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => (words.length > 0 ? words : new Int32Array(1));
