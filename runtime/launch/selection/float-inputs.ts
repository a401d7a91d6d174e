import { bufferPart, checkBindingSize } from "../buffers.js";
import type { ResolvedCall } from "../call.js";
import { AttnError } from "../errors.js";
import { takeApart } from "../input-arrays.js";
import { leadingAxes, type InputAxes, type InputExtent } from "../input-layout.js";
import type { AttentionModule, FloatInputSpec } from "../module.js";

/** How one float input lies in its buffer, in elements. */
export interface FloatLayout {
  readonly spec: FloatInputSpec;
  readonly elements: number;
  readonly fields: { readonly batchStride: number; readonly headStride: number; readonly headCount: number };
}

/** A float input as an array on its way to a buffer. */
export interface FloatWords {
  readonly data: Float32Array<ArrayBuffer>;
  readonly shape: readonly number[] | undefined;
}

/** The axes after batch and heads are known. */
interface FloatAxes extends InputAxes {
  readonly inner: readonly number[];
}

/** Blocks of n queries that the queries of a call stand in. */
function queryBlocks(module: Pick<AttentionModule, "space">, { n, nq }: Pick<ResolvedCall, "n" | "nq">, block: number): number {
  return module.space === "self" ? Math.ceil(n / block) - Math.floor((n - nq) / block) : Math.ceil(nq / block);
}

/** The axes of a float input in a call. */
export function floatAxes(
  module: Pick<AttentionModule, "space">,
  spec: FloatInputSpec,
  call: Pick<ResolvedCall, "n" | "nq" | "headDim">,
): FloatAxes {
  const inner = (): number[] => {
    switch (spec.kind) {
      case "scores":
        return [queryBlocks(module, call, spec.n), Math.ceil(call.n / spec.m)];
      case "channels":
        return [call.headDim];
      case "centroids":
        return [spec.n, call.headDim];
      case "weights":
        return [spec.axis === "q" ? call.nq : call.n];
      case "pooled":
        return [Math.max(0, Math.floor((call.n - spec.n) / spec.stride) + 1), call.headDim];
    }
  };
  // Keys are those of a kv head.
  const heads = spec.kind === "centroids" && spec.axis === "k" ? "kv" : true;
  return { name: spec.name, inner: inner(), heads, note: " of float32" };
}

/** Finds the batch entries and heads of a float input. Throws ATTN5206. */
export function layoutFloats(module: AttentionModule, spec: FloatInputSpec, call: ResolvedCall, extent: InputExtent): FloatLayout {
  const axes = floatAxes(module, spec, call);
  const { batch, heads } = leadingAxes(axes, call, extent);
  const matrix = axes.inner.reduce((product, axis) => product * axis, 1);
  return {
    spec,
    elements: batch * heads * matrix,
    fields: { batchStride: batch === 1 ? 0 : heads * matrix, headStride: heads === 1 ? 0 : matrix, headCount: heads },
  };
}

/** A float input in a buffer, laid out; without a binding where it has no elements. Throws ATTN5206 to ATTN5210 and ATTN5212. */
export function bindFloats(
  device: GPUDevice,
  module: AttentionModule,
  spec: FloatInputSpec,
  call: ResolvedCall,
  given: unknown,
): { readonly layout: FloatLayout; readonly binding: GPUBufferBinding | undefined } {
  const shape = (given as { shape?: readonly number[] }).shape;
  const { buffer, offset, size } = bufferPart(spec.name, given as GPUBuffer, device);
  const layout = layoutFloats(module, spec, call, { elements: Math.floor(size / 4), shape });
  const bytes = layout.elements * 4;
  checkBindingSize(spec.name, bytes, device);
  return { layout, binding: bytes === 0 ? undefined : { buffer, offset, size: bytes } };
}

/**
 * One float input of a `run` as float32, every number checked. Throws ATTN5206, ATTN5212, and ATTN5213 where one is
 * NaN or infinite: no rank of it would mean anything.
 */
export function floatWords(module: AttentionModule, spec: FloatInputSpec, call: ResolvedCall, value: unknown): FloatWords {
  const { data, shape } = takeApart(spec.name, value);
  leadingAxes(floatAxes(module, spec, call), call, { elements: data.length, shape });
  const floats = Float32Array.from({ length: data.length }, (_, i) => Number(data[i]));
  const wrong = floats.findIndex((number) => !Number.isFinite(number));
  if (wrong >= 0) {
    throw new AttnError("ATTN5213", {
      field: `${spec.name}[${wrong}]`,
      expected: "a finite number of float32",
      found: String(data[wrong]),
      remedy:
        spec.kind === "centroids"
          ? "Replace its vector, say by that of a token."
          : "Replace it: a score of -1e30, say, is below those of all other units.",
    });
  }
  return { data: floats, shape };
}
