import { resolveCall, type AttentionCall, type ResolvedCall } from "../launch/call.js";
import { DTYPE_BYTES, fromDeviceElements, tensorBytes } from "../launch/host-tensors.js";
import { inputWords } from "../launch/input-arrays.js";
import { checkInputNames } from "../launch/input-names.js";
import type { AttentionModule } from "../launch/module.js";
import type { AttentionArrays, AttentionOutput } from "../launch/run.js";
import type { CudaInputs } from "./inputs.js";
import { allocations, type Allocations } from "./memory.js";
import type { CudaAttention } from "./operator.js";

/** Checks the inputs of a run, value by value, and uploads them. Throws ATTN5206, ATTN5207, ATTN5212. */
export function uploadInputs(
  module: AttentionModule,
  arrays: Readonly<Record<string, unknown>>,
  call: ResolvedCall,
  memory: Allocations,
): CudaInputs {
  return Object.fromEntries(
    module.inputs.map((spec) => {
      const { words, extent, indices } = inputWords(module, spec, call, arrays[spec.name]);
      const shaped = { pointer: memory.upload(words), ...extent };
      if (indices === undefined) return [spec.name, shaped];
      return [spec.name, { offsets: shaped, indices: { pointer: memory.upload(indices), shape: [indices.length] } }];
    }),
  );
}

/** See `CudaAttention.run`. */
export function runOnArrays(operator: CudaAttention, arrays: AttentionArrays, call: AttentionCall): AttentionOutput {
  const { device, module, dtype } = operator;
  const resolved = resolveCall(module, operator.shape, call);
  const { batch, heads, kvHeads, n, nq, headDim, valueDim } = resolved;
  checkInputNames(module, arrays);
  const q = tensorBytes(dtype, "q", arrays.q, [batch, heads, nq, headDim]);
  const k = tensorBytes(dtype, "k", arrays.k, [batch, kvHeads, n, headDim]);
  const v = tensorBytes(dtype, "v", arrays.v, [batch, kvHeads, n, valueDim]);
  const rows = batch * heads * nq;
  const memory = allocations(device);
  try {
    const inputs = uploadInputs(module, arrays, resolved, memory);
    const results = { out: memory.allocate(rows * valueDim * DTYPE_BYTES[dtype]), lse: memory.allocate(rows * 4) };
    operator.launch({ q: memory.upload(q), k: memory.upload(k), v: memory.upload(v), ...results, inputs }, call);
    const out = new ArrayBuffer(rows * valueDim * DTYPE_BYTES[dtype]);
    const lse = new Float32Array(rows);
    device.download(new Uint8Array(out), results.out);
    device.download(lse, results.lse);
    return { out: fromDeviceElements(dtype, out, rows * valueDim), lse };
  } finally {
    memory.free();
  }
}
