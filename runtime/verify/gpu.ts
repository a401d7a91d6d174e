import { resolveCall } from "../launch/call.js";
import type { AttentionCall } from "../launch/call.js";
import { fromHalfArray, toHalfArray } from "../launch/half.js";
import type { CsrArrays, InputArray } from "../launch/input-arrays.js";
import type { AttentionOperator } from "../launch/operator.js";
import { readSelected, selectedByName, selectedTargets, uploadInputs } from "../launch/run.js";
import type { AttentionOutput } from "../launch/run.js";
import { readBack, RunBuffers } from "../launch/run-buffers.js";
import { selectedShapes } from "../launch/selection/arrays.js";
import type { SelectionArrays } from "../launch/selection/arrays.js";
import { CALL_KEYS, callOfKeys, moduleOfCall } from "../launch/windows.js";
import type { VerifyTensors } from "./tensors.js";

/**
 * Runs an operator on whole arrays: what lies beyond the used part goes to the device too, and what
 * the kernel leaves of `out` and `lse` comes back as it is. What selections chose comes back with them.
 */
export async function runWithTails(
  operator: AttentionOperator,
  tensors: VerifyTensors,
  inputs: Readonly<Record<string, InputArray | CsrArrays>>,
  call: AttentionCall,
  reuse?: SelectionArrays["reuse"],
): Promise<AttentionOutput> {
  const { device, module } = operator;
  const half = module.dtype === "f16";
  const buffers = new RunBuffers(device);
  // An even count keeps f16 arrays whole words: writes go by four bytes.
  const bits = (values: Float32Array): ArrayBufferView<ArrayBuffer> => {
    if (!half) return values as Float32Array<ArrayBuffer>;
    const padded = new Float32Array(values.length + (values.length % 2));
    padded.set(values);
    return toHalfArray(padded);
  };
  const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
  const writable = (name: string, data: ArrayBufferView<ArrayBuffer>): GPUBuffer => {
    const buffer = buffers.create(name, data.byteLength, STORAGE | COPY_SRC | COPY_DST);
    device.queue.writeBuffer(buffer, 0, data.buffer, data.byteOffset, data.byteLength);
    return buffer;
  };
  try {
    device.pushErrorScope("validation");
    const ofKeys = callOfKeys(module, resolveCall(module, operator.shape, call));
    const selecting = moduleOfCall(module);
    const given = {
      ...uploadInputs(selecting, { ...inputs, reuse }, ofKeys, buffers),
      ...(tensors.callKeys === undefined ? {} : { [CALL_KEYS]: buffers.upload(CALL_KEYS, bits(tensors.callKeys)) }),
      q: buffers.upload("q", bits(tensors.q)),
      k: buffers.upload("k", bits(tensors.k)),
      v: buffers.upload("v", bits(tensors.v)),
    };
    const results = { out: writable("out", bits(tensors.out)), lse: writable("lse", tensors.lse as Float32Array<ArrayBuffer>) };
    const shapes = module.selection === undefined ? [] : selectedShapes(selecting, ofKeys);
    const targets = selectedTargets(shapes, buffers);
    const selected = shapes.length === 0 ? {} : { selected: selectedByName(shapes, targets) };
    const parts = [results.out, results.lse, ...targets];
    const staging = buffers.submit("attnc verify", parts, (encoder) =>
      operator.encode(encoder, { ...given, ...results, ...selected }, call),
    );
    const failed = await device.popErrorScope();
    if (failed) throw new Error(failed.message);
    const copy = await readBack(staging);
    const out = half ? fromHalfArray(new Uint16Array(copy, 0, tensors.out.length)) : new Float32Array(copy, 0, tensors.out.length);
    return {
      out,
      lse: new Float32Array(copy, results.out.size, tensors.lse.length),
      ...(shapes.length === 0 ? {} : { selected: readSelected(shapes, copy, results.out.size + results.lse.size) }),
    };
  } finally {
    buffers.destroy();
  }
}
