import type { ResolvedCall } from "./call.js";
import { checkPermutation } from "./check-permutation.js";
import { AttnError } from "./errors.js";
import type { InputExtent } from "./input-layout.js";
import { inputAxes, leadingAxes, matrixSize } from "./input-layout.js";
import type { AttentionModule, InputSpec } from "./module.js";
import { packBits } from "./pack-bits.js";

/** Numbers or booleans; 64-bit integers are taken where their values fit 32 bits. */
export type NumberArray = ArrayLike<number> | ArrayLike<boolean> | BigInt64Array | BigUint64Array;

/** An input as an array: flat, with its shape where the length alone does not tell it. */
export type InputArray = NumberArray | { readonly data: NumberArray; readonly shape?: readonly number[] | undefined };

/** A `csr` input: `offsets` are positions in the whole of `indices`. */
export interface CsrArrays {
  readonly offsets: InputArray;
  readonly indices: InputArray;
}

/** An input in the form in which it lies in a buffer. */
export interface InputWords {
  readonly words: Int32Array<ArrayBuffer>;
  readonly extent: InputExtent;
  /** For csr. */
  readonly indices?: Int32Array<ArrayBuffer> | undefined;
}

/** The greatest magnitude of an id: the compiler's proof that no index overflows assumes it. */
const MAX_ID = 2 ** 30 - 1;

/** Ends the lists of `columns` and `diagonals`. */
export const LIST_PADDING = -2147483648;

function isNumberArray(value: unknown): value is NumberArray {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/** An array, and its shape where it is given. Throws ATTN5212. */
export function takeApart(field: string, value: unknown): { data: NumberArray; shape: readonly number[] | undefined } {
  if (isNumberArray(value)) return { data: value, shape: undefined };
  const { data, shape } = (value ?? {}) as { data?: unknown; shape?: unknown };
  if (isNumberArray(data) && (shape === undefined || Array.isArray(shape))) return { data, shape };
  throw new AttnError("ATTN5212", {
    field,
    expected: "an array of numbers, or { data, shape }",
    found: value === null ? "null" : typeof value,
    remedy: "Pass a typed array to `run`; GPU buffers go to `encode`.",
  });
}

function wrongValue(field: string, index: number, expected: string, found: unknown): AttnError {
  return new AttnError("ATTN5207", {
    field: `${field}[${index}]`,
    expected,
    found: String(found),
    remedy: "Check the values of this input against the lengths of the call.",
  });
}

function toInt32(field: string, data: NumberArray): Int32Array<ArrayBuffer> {
  const words = new Int32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = Number(data[i]);
    words[i] = value;
    if (words[i] !== value) throw wrongValue(field, i, "a 32-bit integer", data[i]);
  }
  return words;
}

/** Packed words as they are; anything else holds one element for each bit and is packed. */
function toPacked(field: string, data: NumberArray, shape: readonly number[] | undefined, rows: number, columns: number): InputWords {
  if (data instanceof Uint32Array) {
    return { words: new Int32Array(data), extent: { elements: data.length, shape } };
  }
  for (let i = 0; i < data.length; i++) {
    if (data[i] != 0 && data[i] != 1) throw wrongValue(field, i, "0 or 1", data[i]);
  }
  const stride = Math.ceil(columns / 32);
  const matrices = data.length / (rows * columns);
  if (!Number.isInteger(matrices) || (shape !== undefined && (shape.at(-1) !== columns || shape.at(-2) !== rows))) {
    const found = shape === undefined ? `${data.length} elements` : `[${shape.join(", ")}] with ${data.length} elements`;
    throw new AttnError("ATTN5206", {
      field,
      expected: `[batch, heads, ${rows}, ${columns}] with an element for each bit; leading axes may be left out`,
      found,
      remedy: "Pass an element for each bit, or a Uint32Array of packed bits (see `packBits`).",
    });
  }
  const bytes = Uint8Array.from({ length: data.length }, (_, i) => Number(data[i]));
  const words = packBits(bytes, rows, columns, matrices);
  const packedShape = shape === undefined ? undefined : [...shape.slice(0, -1), stride];
  return { words: new Int32Array(words.buffer), extent: { elements: words.length, shape: packedShape } };
}

function checkRange(field: string, words: Int32Array, low: number, high: number, padding: boolean): void {
  for (let i = 0; i < words.length; i++) {
    const value = words[i]!;
    if ((value >= low && value < high) || (padding && value === LIST_PADDING)) continue;
    throw wrongValue(field, i, `an integer from ${low} to ${high - 1}${padding ? `, or ${LIST_PADDING} as padding` : ""}`, value);
  }
}

function checkOffsets(field: string, words: Int32Array, rows: number, indexCount: number): void {
  checkRange(field, words, 0, indexCount + 1, false);
  for (let i = 0; i < words.length; i++) {
    if (i % (rows + 1) === 0 || words[i]! >= words[i - 1]!) continue;
    throw wrongValue(field, i, `at least ${words[i - 1]}, the offset before it`, words[i]);
  }
}

/**
 * Converts one input of a `run` to words and checks every value. Throws ATTN5206, ATTN5207, ATTN5212, ATTN5220.
 */
export function inputWords(module: AttentionModule, spec: InputSpec, call: ResolvedCall, value: unknown): InputWords {
  const { rows, columns } = matrixSize(module, spec, call);
  if (spec.kind === "csr") {
    const { offsets, indices } = (value ?? {}) as Partial<CsrArrays>;
    const given = takeApart(`${spec.name}.offsets`, offsets);
    const words = toInt32(`${spec.name}.offsets`, given.data);
    const indexWords = toInt32(`${spec.name}.indices`, takeApart(`${spec.name}.indices`, indices).data);
    const extent = { elements: words.length, shape: given.shape };
    leadingAxes(inputAxes(spec, rows, columns), call, extent);
    checkOffsets(`${spec.name}.offsets`, words, rows, indexWords.length);
    checkRange(`${spec.name}.indices`, indexWords, 0, columns, false);
    return { words, extent, indices: indexWords };
  }
  const { data, shape } = takeApart(spec.name, value);
  if (spec.kind === "bits" || spec.kind === "blocks") return toPacked(spec.name, data, shape, rows, columns);
  const words = toInt32(spec.name, data);
  if (spec.kind === "ids" && spec.order === true) {
    // Another number of elements is reported by its shape.
    if (words.length % columns === 0 && (shape === undefined || shape.at(-1) === columns)) checkPermutation(spec.name, words, columns);
  } else if (spec.kind === "ids") checkRange(spec.name, words, -MAX_ID, MAX_ID + 1, false);
  if (spec.kind === "columns") checkRange(spec.name, words, 0, columns, true);
  // Offsets are q - k: from 1 - N (the first query, the last key) upwards.
  if (spec.kind === "diagonals") checkRange(spec.name, words, 1 - call.n, columns - call.n + 1, true);
  return { words, extent: { elements: words.length, shape } };
}
