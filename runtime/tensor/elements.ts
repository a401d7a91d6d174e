import { fromHalfArray } from "../launch/half.js";
import type { TensorData, TensorDtype } from "./tensor.js";

/** Bytes of one element in a file. */
export const ELEMENT_BYTES: Readonly<Record<TensorDtype, number>> = {
  f32: 4,
  f16: 2,
  bf16: 2,
  f64: 8,
  i8: 1,
  i16: 2,
  i32: 4,
  i64: 8,
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  bool: 1,
};

function swapBytes(bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

/** Decodes the bytes of elements; `bytes` may lie at any offset of its buffer. Every machine that runs this is little-endian. */
export function decodeElements(bytes: Uint8Array, dtype: TensorDtype, bigEndian = false): TensorData {
  // A copy starts at an offset that every typed array accepts.
  const copy = new Uint8Array(bytes);
  if (bigEndian) swapBytes(copy, ELEMENT_BYTES[dtype]);
  const { buffer } = copy;
  switch (dtype) {
    case "f32":
      return new Float32Array(buffer);
    case "f16":
      return fromHalfArray(new Uint16Array(buffer));
    case "bf16":
      return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer);
    case "f64":
      return new Float64Array(buffer);
    case "i8":
      return new Int8Array(buffer);
    case "i16":
      return new Int16Array(buffer);
    case "i32":
      return new Int32Array(buffer);
    case "i64":
      return new BigInt64Array(buffer);
    case "u8":
      return copy;
    case "u16":
      return new Uint16Array(buffer);
    case "u32":
      return new Uint32Array(buffer);
    case "u64":
      return new BigUint64Array(buffer);
    case "bool":
      return copy.map((byte) => (byte === 0 ? 0 : 1));
  }
}

/** Turns column-major data (the first axis fastest) into row-major. */
export function fromColumnMajor(data: TensorData, shape: readonly number[]): TensorData {
  const result = data.slice();
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((a, b) => a * b, 1));
  const index = shape.map(() => 0);
  for (let at = 0, from = 0; at < data.length; at++) {
    result[at] = data[from]!;
    // Count up with the last axis fastest, following with the place in the column-major data.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
