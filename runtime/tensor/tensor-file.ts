import { readNpy } from "./npy.js";
import { readSafetensors } from "./safetensors.js";
import type { TensorResult } from "./tensor.js";

/** Where a tensor is: `x.npy`, or `model.safetensors:layers.0.q`. */
export interface TensorPath {
  readonly path: string;
  /** The tensor within the file. */
  readonly name?: string | undefined;
}

/** Takes `FILE.safetensors:NAME` apart; other colons belong to the path. */
export function splitTensorPath(text: string): TensorPath {
  const found = /^(.*\.safetensors):(.*)$/is.exec(text);
  return found === null ? { path: text } : { path: found[1]!, name: found[2]! };
}

/** Reads a tensor from the bytes of a file: by its name a .safetensors, or else an .npy. */
export function readTensor(source: TensorPath, bytes: Uint8Array): TensorResult {
  return /\.safetensors$/i.test(source.path) ? readSafetensors(bytes, source.name) : readNpy(bytes);
}
