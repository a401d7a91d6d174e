import { resolveCall, type AttentionCall, type ResolvedCall } from "../launch/call.js";
import { DTYPE_BYTES, fromDeviceElements, tensorBytes } from "../launch/host-tensors.js";
import { inputWords } from "../launch/input-arrays.js";
import { checkInputNames } from "../launch/input-names.js";
import type { AttentionModule } from "../launch/module.js";
import type { AttentionArrays, AttentionOutput } from "../launch/run.js";
import { reusedBits, selectedShapes } from "../launch/selection/arrays.js";
import { floatWords } from "../launch/selection/float-inputs.js";
import { selectedWords, type SelectedBits } from "../launch/selection/lists.js";
import type { MatrixLayout } from "../launch/selection/matrices.js";
import type { CudaDevice, DevicePointer } from "./device.js";
import type { CudaInputs } from "./inputs.js";
import { allocations, type Allocations } from "./memory.js";
import type { CudaAttention } from "./operator.js";
import type { CudaSelectionTensors } from "./selection.js";

/** The declaration's inputs and the selections given back, in the device's memory. */
interface UploadedInputs {
  readonly inputs: CudaInputs;
  readonly reuse: NonNullable<CudaSelectionTensors["reuse"]>;
}

/**
 * Checks the inputs of a run and the selections that it is given back, value by value, and uploads them. Throws ATTN5206,
 * ATTN5207 and ATTN5212 to ATTN5217.
 */
export function uploadInputs(
  module: AttentionModule,
  arrays: Readonly<Record<string, unknown>>,
  call: ResolvedCall,
  memory: Allocations,
): UploadedInputs {
  const floats = (module.selection?.floatInputs ?? []).map((spec) => {
    const { data, shape } = floatWords(module, spec, call, arrays[spec.name]);
    const pointer = data.length === 0 ? 0n : memory.upload(data);
    return [spec.name, shape === undefined ? { pointer, elements: data.length } : { pointer, shape }] as const;
  });
  const reused = Object.entries(reusedBits(module, call, arrays)).map(
    ([name, { words, columns }]) => [name, { pointer: memory.upload(words), columns }] as const,
  );
  const inputs = uploadWords(module, arrays, call, memory);
  return { inputs: { ...inputs, ...Object.fromEntries(floats) }, reuse: Object.fromEntries(reused) };
}

function uploadWords(
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

/** Memory that the selections of a run are copied to, by name. */
export function selectedTargets(shapes: readonly MatrixLayout[], memory: Allocations): Readonly<Record<string, DevicePointer>> {
  return Object.fromEntries(shapes.map((shape) => [shape.spec.name, memory.allocate(Math.max(16, selectedWords(shape) * 4))]));
}

/** What a launch has left in such memory. */
export function readSelected(
  device: CudaDevice,
  shapes: readonly MatrixLayout[],
  targets: Readonly<Record<string, DevicePointer>>,
): Readonly<Record<string, SelectedBits>> {
  return Object.fromEntries(
    shapes.map((shape) => {
      const { batch, heads, rows, columns } = shape;
      const words = new Uint32Array(selectedWords(shape));
      if (words.length > 0) device.download(words, targets[shape.spec.name]!);
      return [shape.spec.name, { batch, heads, rows, columns, words }];
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
    const { inputs, reuse } = uploadInputs(module, arrays, resolved, memory);
    const wanted = arrays.selected === true && module.selection !== undefined ? selectedShapes(module, resolved) : [];
    const selected = selectedTargets(wanted, memory);
    const results = { out: memory.allocate(rows * valueDim * DTYPE_BYTES[dtype]), lse: memory.allocate(rows * 4) };
    operator.launch({ q: memory.upload(q), k: memory.upload(k), v: memory.upload(v), ...results, inputs, selected, reuse }, call);
    const out = new ArrayBuffer(rows * valueDim * DTYPE_BYTES[dtype]);
    const lse = new Float32Array(rows);
    device.download(new Uint8Array(out), results.out);
    device.download(lse, results.lse);
    return {
      out: fromDeviceElements(dtype, out, rows * valueDim),
      lse,
      ...(arrays.selected === true ? { selected: readSelected(device, wanted, selected) } : {}),
    };
  } finally {
    memory.free();
  }
}
