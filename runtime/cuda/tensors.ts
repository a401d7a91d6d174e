import type { ResolvedCall } from "../launch/call.js";
import { DTYPE_BYTES } from "../launch/host-tensors.js";
import type { CudaDevice } from "./device.js";
import type { CudaDtype } from "./module.js";
import { deviceRange, TENSOR_ALIGNMENT, type DeviceRange, type DeviceRef } from "./pointers.js";

export type TensorName = "q" | "k" | "v" | "out" | "lse";

/** The tensors that were asked for, by name. */
export type LocatedTensors = Readonly<Partial<Record<TensorName, DeviceRange>>>;

/** Where the tensors of a call are, lse where it is given. Throws ATTN5208 and ATTN5307. */
export function locateTensors(
  device: CudaDevice,
  dtype: CudaDtype,
  call: ResolvedCall,
  tensors: Partial<Record<TensorName, DeviceRef | undefined>>,
  names: readonly TensorName[],
): LocatedTensors {
  const { batch, heads, kvHeads, n, nq, headDim, valueDim } = call;
  const shapes: Readonly<Record<TensorName, readonly number[]>> = {
    q: [batch, heads, nq, headDim],
    k: [batch, kvHeads, n, headDim],
    v: [batch, kvHeads, n, valueDim],
    out: [batch, heads, nq, valueDim],
    lse: [batch, heads, nq],
  };
  const wanted = names.filter((field) => field !== "lse" || tensors.lse !== undefined);
  return Object.fromEntries(
    wanted.map((field) => {
      const shape = shapes[field];
      const size = shape.reduce((a, b) => a * b, field === "lse" ? 4 : DTYPE_BYTES[dtype]);
      return [field, deviceRange(field, tensors[field], size, field === "lse" ? 4 : TENSOR_ALIGNMENT, `[${shape.join(", ")}]`, device)];
    }),
  );
}
