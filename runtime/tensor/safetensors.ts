import { decodeElements, ELEMENT_BYTES } from "./elements.js";
import { nearestName } from "./nearest-name.js";
import { elementCount, shapeText, tensorError, type TensorDtype, type TensorError, type TensorResult } from "./tensor.js";

const SAFETENSORS_DTYPES: Readonly<Record<string, TensorDtype>> = {
  F64: "f64",
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
  I64: "i64",
  I32: "i32",
  I16: "i16",
  I8: "i8",
  U64: "u64",
  U32: "u32",
  U16: "u16",
  U8: "u8",
  BOOL: "bool",
};

/** The format's own limit for the header. */
const LONGEST_HEADER = 100_000_000;

/** Names listed in an error. */
const NAMES_LISTED = 20;

/** A tensor of the file, as the header has it. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte, and the one after the last, counted from the end of the header. */
  readonly start: number;
  readonly end: number;
}

interface SafetensorsHeader {
  readonly entries: readonly SafetensorsEntry[];
  /** Where the data start in the file. */
  readonly dataStart: number;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseEntry(name: string, value: unknown): SafetensorsEntry | undefined {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  if (typeof dtype !== "string" || !Array.isArray(shape) || !Array.isArray(offsets) || offsets.length !== 2) return undefined;
  const [start, end] = offsets as unknown[];
  if (!shape.every(isCount) || !isCount(start) || !isCount(end) || end < start || !isCount(elementCount(shape))) return undefined;
  return { name, dtype, shape, start, end };
}

function readHeader(bytes: Uint8Array): SafetensorsHeader | { readonly error: TensorError } {
  if (bytes.length < 8) return tensorError("ATTN6101", `not a .safetensors file: it holds ${bytes.length} bytes`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > LONGEST_HEADER || (bytes.length > 8 && bytes[8] !== 0x7b)) {
    const found = length > LONGEST_HEADER ? `its header would be ${length} bytes long` : "its header does not begin with a brace";
    return tensorError("ATTN6101", `not a .safetensors file: ${found}`);
  }
  if (bytes.length < 8 + length) {
    return tensorError(
      "ATTN6103",
      `the header claims ${length} bytes and the file ends after ${bytes.length - 8}`,
      "Download the file again.",
    );
  }
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + length)));
  } catch (error) {
    return tensorError("ATTN6102", `the header cannot be read: ${(error as Error).message}`);
  }
  const entries: SafetensorsEntry[] = [];
  for (const [name, value] of Object.entries(header as Record<string, unknown>)) {
    if (name === "__metadata__") continue;
    const entry = parseEntry(name, value);
    if (entry === undefined)
      return tensorError("ATTN6102", `the header's entry \`${name}\` has no dtype, shape and data_offsets that can be read`);
    entries.push(entry);
  }
  return { entries, dataStart: 8 + length };
}

function listing(entries: readonly SafetensorsEntry[]): string {
  const names = entries.slice(0, NAMES_LISTED).map(({ name, dtype, shape }) => `${name} (${dtype} ${shapeText(shape)})`);
  const rest = entries.length - names.length;
  return entries.length === 0 ? "The file holds no tensors." : `It holds: ${names.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}.`;
}

/** The tensors of a .safetensors file, without their data. Errors ATTN6101 to ATTN6103. */
export function listSafetensors(
  bytes: Uint8Array,
): { readonly entries: readonly SafetensorsEntry[]; readonly error?: undefined } | { readonly error: TensorError } {
  return readHeader(bytes);
}

/**
 * Reads one tensor of a .safetensors file; `name` may be left out where there is only one. Errors
 * ATTN6101 to ATTN6106. Format: https://github.com/huggingface/safetensors#format
 */
export function readSafetensors(bytes: Uint8Array, name?: string): TensorResult {
  const header = readHeader(bytes);
  if ("error" in header) return header;
  const { entries, dataStart } = header;
  const entry = name === undefined ? (entries.length === 1 ? entries[0] : undefined) : entries.find((e) => e.name === name);
  if (entry === undefined) {
    if (name === undefined)
      return tensorError("ATTN6104", "the name of a tensor is missing", `Write FILE.safetensors:NAME. ${listing(entries)}`);
    const near = nearestName(
      name,
      entries.map((e) => e.name),
    );
    return tensorError(
      "ATTN6104",
      `there is no tensor \`${name}\``,
      `${near === undefined ? "" : `Did you mean \`${near}\`? `}${listing(entries)}`,
    );
  }
  const dtype = SAFETENSORS_DTYPES[entry.dtype];
  if (dtype === undefined) {
    return tensorError(
      "ATTN6105",
      `elements of type ${entry.dtype} are not read`,
      `Convert it to one of ${Object.keys(SAFETENSORS_DTYPES).join(", ")}.`,
    );
  }
  const needed = elementCount(entry.shape) * ELEMENT_BYTES[dtype];
  if (entry.end - entry.start !== needed) {
    const found = `${entry.end - entry.start} bytes are set apart`;
    return tensorError("ATTN6106", `\`${entry.name}\`: shape ${shapeText(entry.shape)} of ${entry.dtype} takes ${needed} bytes, ${found}`);
  }
  if (dataStart + entry.end > bytes.length) {
    const message = `\`${entry.name}\` ends at byte ${dataStart + entry.end}, the file after ${bytes.length}`;
    return tensorError("ATTN6103", message, "Download the file again.");
  }
  return {
    tensor: { dtype, shape: entry.shape, data: decodeElements(bytes.subarray(dataStart + entry.start, dataStart + entry.end), dtype) },
  };
}
