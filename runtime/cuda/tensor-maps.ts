import type { ResolvedCall } from "../launch/call.js";
import type { CudaDevice, DevicePointer } from "./device.js";
import { DTYPE_BYTES } from "../launch/host-tensors.js";
import type { CudaDtype, CudaKernel } from "./module.js";

/** Copies of rows this long are swizzled over their own length, so that tensor cores read them without bank conflicts. */
const SWIZZLES = [32, 64, 128] as const;

interface TensorExtents {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly dim: number;
}

function mapOf(
  device: CudaDevice,
  dtype: CudaDtype,
  pointer: DevicePointer,
  extents: TensorExtents,
  inner: number,
  rows: number,
): Uint8Array {
  const bytes = DTYPE_BYTES[dtype];
  const { batch, heads, length, dim } = extents;
  return device.tensorMap({
    dtype,
    pointer,
    extents: [dim, length, heads, batch],
    strides: [dim * bytes, length * dim * bytes, heads * length * dim * bytes],
    box: [inner, rows, 1, 1],
    swizzle: bytes === 2 ? (SWIZZLES.find((size) => size === inner * bytes) ?? 0) : 0,
  });
}

/**
 * The tensor maps of q, k and v of a launch, as parameters of a kernel that asks for them: each over
 * `[batch, heads, length, dim]`, in boxes of `innerElements` x rows.
 */
export function tensorMaps(
  device: CudaDevice,
  kernel: CudaKernel,
  call: ResolvedCall,
  tensors: { readonly q: DevicePointer; readonly k: DevicePointer; readonly v: DevicePointer },
): readonly Uint8Array[] {
  if (kernel.tensorMaps === undefined) return [];
  const { dtype, tensorMaps: boxes } = kernel;
  const { batch, heads, kvHeads, n, nq, headDim, valueDim } = call;
  const inner = boxes.innerElements;
  return [
    mapOf(device, dtype, tensors.q, { batch, heads, length: nq, dim: headDim }, inner, boxes.queryRows),
    mapOf(device, dtype, tensors.k, { batch, heads: kvHeads, length: n, dim: headDim }, inner, boxes.keyRows),
    mapOf(device, dtype, tensors.v, { batch, heads: kvHeads, length: n, dim: valueDim }, inner, boxes.keyRows),
  ];
}
