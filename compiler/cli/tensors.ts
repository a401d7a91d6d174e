import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { diagnostic } from "../diagnostics/report.js";
import { checkRank, toFloats } from "../../runtime/tensor/convert.js";
import { readTensor, splitTensorPath } from "../../runtime/tensor/tensor-file.js";
import { shapeText } from "../../runtime/tensor/tensor.js";
import type { Tensor, TensorError } from "../../runtime/tensor/tensor.js";
import { readBytes } from "./sources.js";
import { Stop } from "./stop.js";

const TENSOR_FILES = "give the path of an .npy file, or FILE.safetensors:NAME";

/** Reads a tensor: `FILE.npy` or `FILE.safetensors:NAME`. */
export function readTensorFile(text: string): Tensor {
  const source = splitTensorPath(text);
  const result = readTensor(source, readBytes(source.path, TENSOR_FILES));
  if (result.error) throw new Stop([tensorDiagnostic(text, result.error)]);
  return result.tensor;
}

function tensorDiagnostic(path: string, error: TensorError): Diagnostic {
  return { code: error.code, severity: "error", message: `${path}: ${error.message}`, hint: error.hint };
}

const AXES = ["batch", "heads", "length", "dim"] as const;

/** A tensor of floats with four axes. */
export interface FloatTensor {
  readonly shape: readonly [number, number, number, number];
  readonly data: Float32Array;
}

/** Queries, keys or values from a file, `[batch, heads, length, dim]`. */
export function readFloats(option: string, text: string): FloatTensor {
  const tensor = readTensorFile(text);
  const rank = checkRank(tensor, option, AXES);
  if (rank) throw new Stop([tensorDiagnostic(text, rank)]);
  const floats = toFloats(tensor, option);
  if ("error" in floats && floats.error) throw new Stop([tensorDiagnostic(text, floats.error)]);
  const shape = tensor.shape as FloatTensor["shape"];
  if (shape.includes(0)) expectShape(option, shape, [null, null, null, null], AXES, "no axis is empty");
  return { shape, data: floats.data! };
}

/** Refuses a tensor whose shape is not the one expected; `null` stands for any size but 0. */
export function expectShape(
  tensor: string,
  found: readonly number[],
  expected: readonly (number | null)[],
  names: readonly string[],
  remedy: string,
): void {
  if (found.length === expected.length && expected.every((size, i) => (size === null ? found[i] !== 0 : size === found[i]))) return;
  const wanted = `[${expected.map((size, i) => (size === null ? names[i] : `${names[i]} ${size}`)).join(", ")}]`;
  throw new Stop([diagnostic("ATTN6209", undefined, { tensor, found: shapeText(found), expected: wanted, remedy })]);
}

/** Refuses an element of a tensor. */
export function badValue(name: string, index: number, expected: string, found: number): never {
  throw new Stop([diagnostic("ATTN6211", undefined, { tensor: `${name}[${index}]`, found, expected })]);
}
