import { toHalfArray } from "../launch/half.js";
import { decodeElements, ELEMENT_BYTES, fromColumnMajor } from "./elements.js";
import { NPY_DTYPES, parseNpyHeader } from "./npy-header.js";
import { elementCount, shapeText, tensorError, type TensorResult } from "./tensor.js";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] as const;

/** Numpy writes a few hundred bytes at most; a file that claims more is damaged or hostile. */
const LONGEST_HEADER = 1 << 20;

const SAVE_AGAIN = "Write it with numpy.save.";

/** What a file that is no .npy seems to be. */
function guess(bytes: Uint8Array): string {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 2));
  if (bytes.length === 0) return "it is empty";
  if (start === "PK") return "it is a zip archive, perhaps an .npz";
  return `it begins with ${[...bytes.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
}

/**
 * Reads an .npy file, versions 1 to 3: floats of 16 to 64 bits, integers of 8 to 64, booleans, either
 * byte order, either axis order (the result is row-major). Errors ATTN6001 to ATTN6006.
 */
export function readNpy(bytes: Uint8Array): TensorResult {
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) {
    const hint = guess(bytes).includes("npz") ? "Take the array out of the archive and write it with numpy.save." : SAVE_AGAIN;
    return tensorError("ATTN6001", `not an .npy file: ${guess(bytes)}`, hint);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6];
  const prefix = major === 1 ? 10 : 12;
  if (bytes.length < prefix) return tensorError("ATTN6005", `the file ends in its header, after ${bytes.length} bytes`, SAVE_AGAIN);
  if (major !== 1 && major !== 2 && major !== 3) {
    return tensorError("ATTN6002", `.npy version ${major}.${bytes[7]} is not known: 1.0, 2.0 and 3.0 are`, SAVE_AGAIN);
  }
  const headerLength = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (headerLength > LONGEST_HEADER) {
    return tensorError("ATTN6003", `the header claims ${headerLength} bytes; at most ${LONGEST_HEADER} are read`, SAVE_AGAIN);
  }
  const start = prefix + headerLength;
  if (bytes.length < start) {
    return tensorError("ATTN6005", `the header claims ${headerLength} bytes and the file ends after ${bytes.length - prefix}`, SAVE_AGAIN);
  }
  const header = parseNpyHeader(new TextDecoder(major === 3 ? "utf-8" : "latin1").decode(bytes.subarray(prefix, start)));
  if (typeof header === "string") return tensorError("ATTN6003", `the header cannot be read: ${header}`, SAVE_AGAIN);

  const { descr, shape, fortranOrder } = header;
  const dtype = descr !== undefined && /^[<>|=]/.test(descr) ? NPY_DTYPES[descr.slice(1)] : undefined;
  if (dtype === undefined) {
    const found = descr === undefined ? "records" : `\`${descr}\``;
    return tensorError(
      "ATTN6004",
      `elements of type ${found} are not read: floats, integers and booleans are`,
      "Convert it with numpy's astype.",
    );
  }
  const needed = elementCount(shape) * ELEMENT_BYTES[dtype];
  const found = bytes.length - start;
  const sizes = `shape ${shapeText(shape)} of ${dtype} takes ${needed} bytes, the file holds ${found}`;
  if (found < needed) return tensorError("ATTN6005", `the file ends too early: ${sizes}`, SAVE_AGAIN);
  if (found > needed)
    return tensorError("ATTN6006", `the file holds more than one array: ${sizes}`, "Write each array to a file of its own.");
  const data = decodeElements(bytes.subarray(start), dtype, descr!.startsWith(">"));
  return { tensor: { dtype, shape, data: fortranOrder ? fromColumnMajor(data, shape) : data } };
}

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
  bytes.set([...MAGIC, 1, 0, header.length & 0xff, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength), start);
  return bytes;
}
