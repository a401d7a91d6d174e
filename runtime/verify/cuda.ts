import { allocations } from "../cuda/memory.js";
import type { CudaAttention } from "../cuda/operator.js";
import { readSelected, selectedTargets, uploadInputs } from "../cuda/run.js";
import { resolveCall } from "../launch/call.js";
import type { AttentionCall } from "../launch/call.js";
import { DTYPE_BYTES, fromDeviceElements, toDeviceElements } from "../launch/host-tensors.js";
import type { CsrArrays, InputArray } from "../launch/input-arrays.js";
import type { AttentionOutput } from "../launch/run.js";
import { selectedShapes } from "../launch/selection/arrays.js";
import type { SelectionArrays } from "../launch/selection/arrays.js";
import { callOfKeys, moduleOfCall } from "../launch/windows.js";
import type { VerifyTensors } from "./tensors.js";

/**
 * Runs an operator on whole arrays: what lies beyond the used part goes to the device too, and what
 * the kernel leaves of `out` and `lse` comes back as it is. What selections chose comes back with them.
 */
export function runWithTailsOnCuda(
  operator: CudaAttention,
  tensors: VerifyTensors,
  inputs: Readonly<Record<string, InputArray | CsrArrays>>,
  call: AttentionCall,
  reuse?: SelectionArrays["reuse"],
): Pick<AttentionOutput, "selected"> & { readonly out: Float32Array; readonly lse: Float32Array } {
  const { device, module, shape, dtype } = operator;
  const memory = allocations(device);
  try {
    const upload = (values: Float32Array): bigint => memory.upload(toDeviceElements(dtype, values));
    const { q, k, v } = tensors;
    const given = { q: upload(q), k: upload(k), v: upload(v), out: upload(tensors.out), lse: memory.upload(tensors.lse) };
    const ofKeys = callOfKeys(module, resolveCall(module, shape, call));
    const selecting = moduleOfCall(module);
    const uploaded = uploadInputs(selecting, { ...inputs, reuse }, ofKeys, memory);
    const shapes = module.selection === undefined ? [] : selectedShapes(selecting, ofKeys);
    const callKeys = tensors.callKeys === undefined ? {} : { callKeys: upload(tensors.callKeys) };
    const selected = selectedTargets(shapes, memory);
    operator.launch({ ...given, ...uploaded, ...callKeys, selected }, call);
    const out = new ArrayBuffer(tensors.out.length * DTYPE_BYTES[dtype]);
    const lse = new Float32Array(tensors.lse.length);
    device.download(new Uint8Array(out), given.out);
    device.download(lse, given.lse);
    return {
      out: fromDeviceElements(dtype, out, tensors.out.length),
      lse,
      ...(shapes.length === 0 ? {} : { selected: readSelected(device, shapes, selected) }),
    };
  } finally {
    memory.free();
  }
}
