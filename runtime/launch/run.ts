import { resolveCall, type AttentionCall, type ResolvedCall } from "./call.js";
import { USAGE_COPY_SRC, USAGE_STORAGE } from "./gpu-flags.js";
import { DTYPE_BYTES, fromDeviceElements, tensorBytes } from "./host-tensors.js";
import { inputWords, type CsrArrays, type InputArray } from "./input-arrays.js";
import type { AttentionModule } from "./module.js";
import { checkInputNames } from "./input-names.js";
import type { AttentionBuffers } from "./attention-buffers.js";
import type { AttentionOperator } from "./operator.js";
import { runStaged, type RunBuffers } from "./run-buffers.js";
import { reusedBits, selectedShapes, type SelectionArrays } from "./selection/arrays.js";
import { floatWords } from "./selection/float-inputs.js";
import { selectedWords, type SelectedBits } from "./selection/lists.js";
import type { MatrixLayout } from "./selection/matrices.js";

/** The tensors of a run, flat: see `AttentionBuffers`. For 16-bit dtypes, Uint16Array holds bits and Float32Array is rounded. */
export interface AttentionArrays extends SelectionArrays {
  readonly q: Float32Array | Uint16Array;
  readonly k: Float32Array | Uint16Array;
  readonly v: Float32Array | Uint16Array;
  readonly [input: string]: InputArray | CsrArrays | SelectionArrays[keyof SelectionArrays];
}

/** out [batch, heads, NQ, valueDim]; lse [batch, heads, NQ], natural logarithms, -Infinity for a row that sees no key. */
export interface AttentionOutput {
  readonly out: Float32Array<ArrayBuffer>;
  readonly lse: Float32Array<ArrayBuffer>;
  /** What the selections chose, by their names, where it was asked for. */
  readonly selected?: Readonly<Record<string, SelectedBits>> | undefined;
}

/** The declaration's inputs and the selections given back, in buffers: checked, as `encode` takes them. */
export function uploadInputs(
  module: AttentionModule,
  arrays: Readonly<Record<string, unknown>>,
  call: ResolvedCall,
  buffers: RunBuffers,
): Record<string, unknown> {
  const uploaded: Record<string, unknown> = {};
  for (const spec of module.selection?.floatInputs ?? []) {
    const { data, shape } = floatWords(module, spec, call, arrays[spec.name]);
    uploaded[spec.name] = { buffer: buffers.upload(spec.name, data), size: data.byteLength, shape };
  }
  const reused = Object.entries(reusedBits(module, call, arrays));
  if (reused.length > 0) {
    uploaded["reuse"] = Object.fromEntries(
      reused.map(([name, { words, columns }]) => [name, { buffer: buffers.upload(`reuse ${name}`, words), columns }]),
    );
  }
  for (const spec of module.inputs) {
    const { words, extent, indices } = inputWords(module, spec, call, arrays[spec.name]);
    const upload = (data: Int32Array<ArrayBuffer>) => {
      const buffer = buffers.upload(spec.name, data);
      // The buffer of an empty list has a word that is not part of it.
      return { buffer, size: data.byteLength };
    };
    const shaped = { ...upload(words), shape: extent.shape };
    uploaded[spec.name] = indices === undefined ? shaped : { offsets: shaped, indices: upload(indices) };
  }
  return uploaded;
}

/** See `AttentionOperator.run`. */
export async function runOnArrays(operator: AttentionOperator, arrays: AttentionArrays, call: AttentionCall): Promise<AttentionOutput> {
  operator.checkUsable();
  const { module } = operator;
  const resolved = resolveCall(module, operator.shape, call);
  const { batch, heads, kvHeads, n, nq, headDim, valueDim } = resolved;
  checkInputNames(module, arrays);
  const q = tensorBytes(module.dtype, "q", arrays.q, [batch, heads, nq, headDim]);
  const k = tensorBytes(module.dtype, "k", arrays.k, [batch, kvHeads, n, headDim]);
  const v = tensorBytes(module.dtype, "v", arrays.v, [batch, kvHeads, n, valueDim]);
  const outElements = batch * heads * nq * valueDim;
  const outBytes = Math.ceil((outElements * DTYPE_BYTES[module.dtype]) / 4) * 4;
  const lseBytes = batch * heads * nq * 4;

  const wanted = arrays.selected === true && module.selection !== undefined ? selectedShapes(module, resolved) : [];
  const result = await runStaged(operator, (buffers) => {
    const inputs = uploadInputs(module, arrays, resolved, buffers);
    const out = buffers.create("out", outBytes, USAGE_STORAGE | USAGE_COPY_SRC);
    const lse = buffers.create("lse", lseBytes, USAGE_STORAGE | USAGE_COPY_SRC);
    const tensors = { q: buffers.upload("q", q), k: buffers.upload("k", k), v: buffers.upload("v", v), out, lse };
    const bits = selectedTargets(wanted, buffers);
    const selected = wanted.length === 0 ? {} : { selected: selectedByName(wanted, bits) };
    const given = { ...inputs, ...tensors, ...selected } as AttentionBuffers;
    return { parts: [out, lse, ...bits], encode: (encoder) => operator.encode(encoder, given, call) };
  });
  return {
    out: fromDeviceElements(module.dtype, result, outElements),
    lse: new Float32Array(result, outBytes, batch * heads * nq),
    ...(arrays.selected === true ? { selected: readSelected(wanted, result, outBytes + lseBytes) } : {}),
  };
}

/** Buffers that selections of these shapes can be copied to, in their order. */
export function selectedTargets(shapes: readonly MatrixLayout[], buffers: RunBuffers): readonly GPUBuffer[] {
  return shapes.map((shape) => buffers.create(shape.spec.name, selectedWords(shape) * 4, USAGE_STORAGE | USAGE_COPY_SRC));
}

/** Those buffers by the names of the selections. */
export const selectedByName = (shapes: readonly MatrixLayout[], buffers: readonly GPUBuffer[]): Readonly<Record<string, GPUBuffer>> =>
  Object.fromEntries(shapes.map(({ spec }, i) => [spec.name, buffers[i]!]));

/** Selections that lie one after another in what was read back, from the byte `start` on. */
export function readSelected(shapes: readonly MatrixLayout[], result: ArrayBuffer, start: number): Readonly<Record<string, SelectedBits>> {
  let at = start;
  return Object.fromEntries(
    shapes.map((shape) => {
      const { batch, heads, rows, columns } = shape;
      const words = new Uint32Array(result.slice(at, at + selectedWords(shape) * 4));
      at += Math.max(4, words.byteLength);
      return [shape.spec.name, { batch, heads, rows, columns, words }];
    }),
  );
}
