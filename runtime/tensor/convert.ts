import { shapeText, tensorError, type Tensor, type TensorError } from "./tensor.js";

/** Checks the rank of a tensor called `what` for people. `axes` names its axes. Error ATTN6007. */
export function checkRank(tensor: Tensor, what: string, axes: readonly string[]): TensorError | undefined {
  if (tensor.shape.length === axes.length) return undefined;
  const message = `${what} has ${tensor.shape.length} axes, ${shapeText(tensor.shape)}; ${axes.length} are needed: [${axes.join(", ")}]`;
  return tensorError("ATTN6007", message, "Reshape it, for instance with numpy's reshape or expand_dims.").error;
}

/** The values as floats: float tensors only, f64 rounded to f32. Error ATTN6008. */
export function toFloats(
  tensor: Tensor,
  what: string,
): { readonly data: Float32Array<ArrayBuffer>; readonly error?: undefined } | { readonly error: TensorError; readonly data?: undefined } {
  if (tensor.data instanceof Float32Array) return { data: tensor.data };
  if (tensor.data instanceof Float64Array) return { data: Float32Array.from(tensor.data) };
  return tensorError("ATTN6008", `${what} holds ${tensor.dtype}; floats are needed`, "Convert it with numpy's astype.");
}
