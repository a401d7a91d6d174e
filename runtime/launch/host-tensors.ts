import { fromBfloatArray, toBfloatArray } from "./bfloat.js";
import { AttnError } from "./errors.js";
import { fromHalfArray, toHalfArray } from "./half.js";
import type { Dtype } from "./module.js";

/** Bytes of one element of a tensor on the device. */
export const DTYPE_BYTES: Readonly<Record<Dtype, number>> = { f32: 4, f16: 2, bf16: 2 };

/** The elements as they lie on the device: 16-bit ones rounded to the nearest, ties to even. */
export function toDeviceElements(dtype: Dtype, values: Float32Array): Float32Array | Uint16Array<ArrayBuffer> {
  return dtype === "f32" ? values : dtype === "f16" ? toHalfArray(values) : toBfloatArray(values);
}

/** The first `count` elements that a device left in `bytes`. */
export function fromDeviceElements(dtype: Dtype, bytes: ArrayBuffer, count: number): Float32Array<ArrayBuffer> {
  if (dtype === "f32") return new Float32Array(bytes, 0, count);
  const bits = new Uint16Array(bytes, 0, count);
  return dtype === "f16" ? fromHalfArray(bits) : fromBfloatArray(bits);
}

/**
 * The bytes of one of q, k, v in the dtype of an operator, from a Float32Array or, for 16-bit types, a
 * Uint16Array of bits. Throws ATTN5208 and ATTN5212.
 */
export function tensorBytes(dtype: Dtype, field: string, value: unknown, shape: readonly number[]): ArrayBufferView<ArrayBuffer> {
  const narrow = dtype !== "f32";
  if (!(value instanceof Float32Array) && !(narrow && value instanceof Uint16Array)) {
    throw new AttnError("ATTN5212", {
      field,
      expected: narrow ? `a Float32Array, or a Uint16Array of ${dtype} bits` : "a Float32Array",
      found: value === undefined ? "nothing" : (Object.getPrototypeOf(Object(value)) as { constructor: { name: string } }).constructor.name,
      remedy: "Convert the values first.",
    });
  }
  const elements = shape.reduce((a, b) => a * b, 1);
  if (value.length !== elements) {
    throw new AttnError("ATTN5208", {
      field,
      expected: `[${shape.join(", ")}]: ${elements} elements`,
      found: `${value.length} elements`,
      remedy: "Check heads, dimensions and lengths of the call.",
    });
  }
  const given = value instanceof Float32Array ? toDeviceElements(dtype, value) : value;
  return given.buffer instanceof ArrayBuffer ? (given as ArrayBufferView<ArrayBuffer>) : given.slice();
}
