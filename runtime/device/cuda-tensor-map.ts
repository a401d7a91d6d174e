import type { TensorMapSpec } from "../cuda/device.js";
import type { CudaDriver } from "./cuda-driver.js";
import type { HostBlock } from "./cuda-host-block.js";

/** CUtensorMapDataType, CUtensorMapSwizzle and CUtensorMapL2promotion, by the numbers of cuda.h. */
const DATA_TYPES = { f16: 6, f32: 7, bf16: 9 } as const;
const SWIZZLES = { 0: 0, 32: 1, 64: 2, 128: 3 } as const;
const PROMOTE_TO_256_BYTES = 3;
const NOT_INTERLEAVED = 0;
const ZEROS_OUTSIDE = 0;

const MAP_BYTES = 128;

/** Encodes a tensor map: what lies outside of the tensor is read as zeros and not written. */
export function encodeTensorMap(spec: TensorMapSpec, block: HostBlock, call: CudaDriver["call"]): Uint8Array {
  const { dtype, pointer, extents, strides, box, swizzle } = spec;
  const { bytes, address } = block.take(MAP_BYTES);
  call(
    "cuTensorMapEncodeTiled",
    address,
    DATA_TYPES[dtype],
    extents.length,
    pointer,
    BigUint64Array.from(extents, BigInt),
    BigUint64Array.from(strides, BigInt),
    Uint32Array.from(box),
    Uint32Array.from(extents, () => 1),
    NOT_INTERLEAVED,
    SWIZZLES[swizzle],
    PROMOTE_TO_256_BYTES,
    ZEROS_OUTSIDE,
  );
  return bytes.slice();
}
