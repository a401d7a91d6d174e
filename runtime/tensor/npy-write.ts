import { toHalfArray } from "../launch/half.js";
import { elementCount, shapeText } from "./tensor.js";

/** What {@link writeNpy} can write. `f16` is rounded from floats; `bool` holds 0 and 1. */
export type WritableTensor =
  | { readonly dtype: "f32" | "f16"; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: "i32"; readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly dtype: "bool"; readonly shape: readonly number[]; readonly data: Uint8Array };

const DESCR = { f32: "<f4", f16: "<f2", i32: "<i4", bool: "|b1" } as const;

/** Data start at a multiple of this, as the format asks. */
const ALIGNMENT = 64;

/** The bytes of an .npy file, version 1.0, row-major. Throws a RangeError where shape and data differ in size. */
export function writeNpy(tensor: WritableTensor): Uint8Array<ArrayBuffer> {
  const { dtype, shape, data } = tensor;
  if (elementCount(shape) !== data.length) throw new RangeError(`writeNpy: shape ${shapeText(shape)} with ${data.length} elements`);
  const elements = dtype === "f16" ? toHalfArray(data) : dtype === "bool" ? data.map((value) => (value === 0 ? 0 : 1)) : data;
  // A tuple of one needs its comma.
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dictionary = `{'descr': '${DESCR[dtype]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const start = Math.ceil((10 + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = dictionary.padEnd(start - 10 - 1, " ") + "\n";
  const bytes = new Uint8Array(start + elements.byteLength);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 0xff, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength), start);
  return bytes;
}
