import type { DevicePointer } from "./device.js";

/** A pointer as a parameter of a kernel. */
export function pointerBytes(pointer: DevicePointer): Uint8Array {
  return new Uint8Array(BigUint64Array.of(pointer).buffer);
}

/** Words as a parameter of a kernel: a struct of 4-byte fields. */
export function wordBytes(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
