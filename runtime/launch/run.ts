import { resolveCall, type AttentionCall, type ResolvedCall } from "./call.js";
import { AttnError } from "./errors.js";
import { MODE_READ, USAGE_COPY_DST, USAGE_COPY_SRC, USAGE_MAP_READ, USAGE_STORAGE } from "./gpu-flags.js";
import { DTYPE_BYTES, fromDeviceElements, tensorBytes } from "./host-tensors.js";
import { inputWords, type CsrArrays, type InputArray } from "./input-arrays.js";
import type { AttentionModule } from "./module.js";
import { checkInputNames } from "./input-names.js";
import type { AttentionBuffers } from "./attention-buffers.js";
import type { AttentionOperator } from "./operator.js";
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

/** Buffers of one run, freed together. */
export class RunBuffers {
  private readonly buffers: GPUBuffer[] = [];

  constructor(private readonly device: GPUDevice) {}

  create(label: string, bytes: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const buffer = this.device.createBuffer({ label: `attnc run ${label}`, size: Math.max(4, Math.ceil(bytes / 4) * 4), usage });
    this.buffers.push(buffer);
    return buffer;
  }

  /** A storage buffer with the bytes of `data`, filled up with zeros to whole words. */
  upload(label: string, data: ArrayBufferView<ArrayBuffer>): GPUBuffer {
    const buffer = this.create(label, data.byteLength, USAGE_STORAGE | USAGE_COPY_DST);
    const whole = data.byteLength & ~3;
    // Deno cannot write nothing.
    if (whole > 0) this.device.queue.writeBuffer(buffer, 0, data.buffer, data.byteOffset, whole);
    if (whole < data.byteLength) {
      const rest = new Uint8Array(4);
      rest.set(new Uint8Array(data.buffer, data.byteOffset + whole, data.byteLength - whole));
      this.device.queue.writeBuffer(buffer, whole, rest);
    }
    return buffer;
  }

  destroy(): void {
    for (const buffer of this.buffers) buffer.destroy();
  }
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

export async function readBack(staging: GPUBuffer): Promise<ArrayBuffer> {
  await staging.mapAsync(MODE_READ);
  const copy = staging.getMappedRange().slice(0);
  staging.unmap();
  return copy;
}

/** See `AttentionOperator.run`. */
export async function runOnArrays(operator: AttentionOperator, arrays: AttentionArrays, call: AttentionCall): Promise<AttentionOutput> {
  operator.checkUsable();
  const { device, module } = operator;
  const resolved = resolveCall(module, operator.shape, call);
  const { batch, heads, kvHeads, n, nq, headDim, valueDim } = resolved;
  checkInputNames(module, arrays);
  const q = tensorBytes(module.dtype, "q", arrays.q, [batch, heads, nq, headDim]);
  const k = tensorBytes(module.dtype, "k", arrays.k, [batch, kvHeads, n, headDim]);
  const v = tensorBytes(module.dtype, "v", arrays.v, [batch, kvHeads, n, valueDim]);
  const outElements = batch * heads * nq * valueDim;
  const outBytes = Math.ceil((outElements * DTYPE_BYTES[module.dtype]) / 4) * 4;
  const lseBytes = batch * heads * nq * 4;

  const buffers = new RunBuffers(device);
  device.pushErrorScope("out-of-memory");
  device.pushErrorScope("validation");
  let scopes: Promise<unknown[]> | undefined;
  const popScopes = () => (scopes ??= Promise.all([device.popErrorScope(), device.popErrorScope()]).catch((error: unknown) => [error]));
  try {
    const inputs = uploadInputs(module, arrays, resolved, buffers);
    const out = buffers.create("out", outBytes, USAGE_STORAGE | USAGE_COPY_SRC);
    const lse = buffers.create("lse", lseBytes, USAGE_STORAGE | USAGE_COPY_SRC);
    const tensors = { q: buffers.upload("q", q), k: buffers.upload("k", k), v: buffers.upload("v", v), out, lse };
    const wanted = arrays.selected === true && module.selection !== undefined ? selectedShapes(module, resolved) : [];
    const bits = selectedTargets(wanted, buffers);
    const selected = Object.fromEntries(wanted.map(({ spec }, i) => [spec.name, bits[i]!]));
    const parts = [out, lse, ...bits];
    const staging = buffers.create(
      "result",
      parts.reduce((sum, { size }) => sum + size, 0),
      USAGE_MAP_READ | USAGE_COPY_DST,
    );
    const encoder = device.createCommandEncoder({ label: `attnc run ${module.name}` });
    operator.encode(encoder, { ...inputs, ...tensors, ...(wanted.length > 0 ? { selected } : {}) } as AttentionBuffers, call);
    let at = 0;
    for (const part of parts) {
      encoder.copyBufferToBuffer(part, 0, staging, at, part.size);
      at += part.size;
    }
    device.queue.submit([encoder.finish()]);
    const reading = readBack(staging).catch((error: unknown) => error);
    const failed = (await popScopes()).find((error) => error !== null);
    const result = await reading;
    if (failed || !(result instanceof ArrayBuffer)) throw await deviceFailure(operator, failed ?? result);
    return {
      out: fromDeviceElements(module.dtype, result, outElements),
      lse: new Float32Array(result, outBytes, batch * heads * nq),
      ...(arrays.selected === true ? { selected: readSelected(wanted, result, outBytes + lseBytes) } : {}),
    };
  } finally {
    void popScopes();
    buffers.destroy();
  }
}

/** Buffers that selections of these shapes can be copied to, in their order. */
export function selectedTargets(shapes: readonly MatrixLayout[], buffers: RunBuffers): readonly GPUBuffer[] {
  return shapes.map((shape) => buffers.create(shape.spec.name, selectedWords(shape) * 4, USAGE_STORAGE | USAGE_COPY_SRC));
}

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

/** The error for a run that did not end well: of the lost device if that is why. */
export async function deviceFailure(operator: Pick<AttentionOperator, "checkUsable">, failed: unknown): Promise<Error> {
  // The news that a device was lost may come just after the failure it caused.
  await new Promise((resolve) => setTimeout(resolve, 0));
  operator.checkUsable();
  const message = (failed as { message?: string } | undefined)?.message ?? String(failed);
  return new AttnError("ATTN5106", {
    field: "device",
    expected: "the launch to run without an error of the device",
    found: message,
    remedy: "Out of memory: split the call. Otherwise report it, with the adapter's name.",
    cause: failed,
  });
}
