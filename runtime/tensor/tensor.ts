/** Element types of files. `f16` and `bf16` are read to floats, the others are kept as they are. */
export type TensorDtype = "f32" | "f16" | "bf16" | "f64" | "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "bool";

export type TensorData =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>;

/**
 * An array of any rank, row-major. `dtype` says what it was in the file: f32, f16 and bf16 are held as
 * Float32Array, bool as Uint8Array of 0 and 1, every other type as the typed array of its name.
 */
export interface Tensor {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** 60xx: .npy; 61xx: .safetensors. */
export type TensorErrorCode =
  /** Not an .npy file. */
  | "ATTN6001"
  /** A version of the format that is not known. */
  | "ATTN6002"
  /** The header cannot be read. */
  | "ATTN6003"
  /** An element type that is not read. */
  | "ATTN6004"
  /** The file ends too early. */
  | "ATTN6005"
  /** The file holds more than the header says. */
  | "ATTN6006"
  /** A tensor of another rank is needed. */
  | "ATTN6007"
  /** A tensor of another element type is needed. */
  | "ATTN6008"
  /** Not a .safetensors file. */
  | "ATTN6101"
  /** The header cannot be read. */
  | "ATTN6102"
  /** The file ends too early. */
  | "ATTN6103"
  /** There is no tensor of this name. */
  | "ATTN6104"
  /** An element type that is not read. */
  | "ATTN6105"
  /** Shape, element type and place of a tensor contradict each other. */
  | "ATTN6106";

/** What is wrong with a file, as a value: the caller knows its path. */
export interface TensorError {
  readonly code: TensorErrorCode;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string | undefined;
}

export type TensorResult =
  { readonly tensor: Tensor; readonly error?: undefined } | { readonly error: TensorError; readonly tensor?: undefined };

/** A failed {@link TensorResult}. */
export function tensorError(code: TensorErrorCode, message: string, hint?: string): { readonly error: TensorError } {
  return { error: { code, message, ...(hint === undefined ? {} : { hint }) } };
}

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, axis) => product * axis, 1);
}

/** A shape for people: `[2, 3]`. */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
