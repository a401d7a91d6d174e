import { bufferPart, checkBindingSize, tensorBinding, type BufferPart, type BufferRef } from "./buffers.js";
import type { ResolvedCall } from "./call.js";
import { DTYPE_BYTES } from "./host-tensors.js";
import type { InputExtent } from "./input-layout.js";
import type { Dtype, InputSpec } from "./module.js";
import type { InputParts } from "./prepare/prepare.js";
import type { ReuseBuffer, SelectionBuffers } from "./selection/plan.js";

/** An input as a buffer; its shape is needed where the size does not tell it, as for lists. */
export type InputBuffer =
  | GPUBuffer
  | {
      readonly buffer: GPUBuffer;
      readonly offset?: number | undefined;
      readonly size?: number | undefined;
      readonly shape?: readonly number[] | undefined;
    };

/** A `csr` input: `offsets` are positions in the whole of `indices`. */
export interface CsrBuffers {
  readonly offsets: InputBuffer;
  readonly indices: BufferRef;
}

/**
 * The tensors of a launch: q [batch, heads, NQ, headDim], k [batch, kvHeads, N, headDim],
 * v [batch, kvHeads, N, valueDim], out [batch, heads, NQ, valueDim], of the module's dtype; lse
 * [batch, heads, NQ], always f32, natural logarithms. Inputs of the declaration go by their names.
 */
export interface AttentionBuffers extends SelectionBuffers {
  readonly q: BufferRef;
  readonly k: BufferRef;
  readonly v: BufferRef;
  readonly out: BufferRef;
  readonly lse?: BufferRef | undefined;
  readonly [input: string]: InputBuffer | CsrBuffers | Readonly<Record<string, BufferRef | ReuseBuffer | undefined>> | undefined;
}

export type TensorName = "q" | "k" | "v" | "out" | "lse";

/** The bindings of some of the tensors of a launch; without lse where the caller gave none. Throws ATTN5208 to ATTN5210 and ATTN5212. */
export function tensorBindings(
  device: GPUDevice,
  dtype: Dtype,
  buffers: Readonly<Record<string, unknown>>,
  call: ResolvedCall,
  names: readonly TensorName[],
): Partial<Record<TensorName, GPUBufferBinding>> {
  const { batch, heads, kvHeads, n, nq, headDim, valueDim } = call;
  const bytes = DTYPE_BYTES[dtype];
  const tensors: Readonly<Record<TensorName, readonly [shape: readonly number[], elementBytes: number]>> = {
    q: [[batch, heads, nq, headDim], bytes],
    k: [[batch, kvHeads, n, headDim], bytes],
    v: [[batch, kvHeads, n, valueDim], bytes],
    out: [[batch, heads, nq, valueDim], bytes],
    lse: [[batch, heads, nq], 4],
  };
  const bindings: Partial<Record<TensorName, GPUBufferBinding>> = {};
  for (const name of names) {
    const given = buffers[name];
    if (given === undefined && name === "lse") continue;
    const [shape, elementBytes] = tensors[name];
    bindings[name] = tensorBinding(name, bufferPart(name, given as BufferRef, device), shape, elementBytes, device);
  }
  return bindings;
}

/** One input's buffers, and how many elements they hold. Throws ATTN5208 to ATTN5210 and ATTN5212. */
export function inputParts(
  device: GPUDevice,
  spec: InputSpec,
  given: InputBuffer | CsrBuffers,
): { readonly parts: InputParts; readonly extent: InputExtent } {
  if (spec.kind === "csr") {
    const { offsets, indices } = given as Partial<CsrBuffers>;
    const words = shapedPart(device, `${spec.name}.offsets`, offsets);
    const indexPart = bufferPart(`${spec.name}.indices`, indices!, device);
    checkBindingSize(`${spec.name}.indices`, indexPart.size, device);
    return { parts: { words: words.part, indices: indexPart }, extent: words.extent };
  }
  const { part, extent } = shapedPart(device, spec.name, given as InputBuffer);
  return { parts: { words: part }, extent };
}

function shapedPart(device: GPUDevice, field: string, given: InputBuffer | undefined): { part: BufferPart; extent: InputExtent } {
  const shape = given !== undefined && "shape" in given ? given.shape : undefined;
  const part = bufferPart(field, given!, device);
  return { part, extent: { elements: Math.floor(part.size / 4), shape } };
}
