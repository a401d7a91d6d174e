import { Buffer } from "node:buffer";

const ARRAYS = {
  Float32Array,
  Float64Array,
  Int8Array,
  Int16Array,
  Int32Array,
  Uint8Array,
  Uint16Array,
  Uint32Array,
} as const;

interface EncodedArray {
  readonly $array: keyof typeof ARRAYS;
  readonly base64: string;
}

/** JSON in which typed arrays keep their type and their bits: NaN, infinities and -0 too. */
export function toTypedJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (!ArrayBuffer.isView(item)) return item;
    return { $array: item.constructor.name, base64: Buffer.from(item.buffer, item.byteOffset, item.byteLength).toString("base64") };
  });
}

/** The value that {@link toTypedJson} wrote. */
export function fromTypedJson(text: string): unknown {
  return JSON.parse(text, (_key, item: unknown) => {
    if (typeof item !== "object" || item === null || !("$array" in item)) return item;
    const { $array, base64 } = item as EncodedArray;
    return new ARRAYS[$array](new Uint8Array(Buffer.from(base64, "base64")).buffer);
  });
}
