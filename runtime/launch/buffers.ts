import { AttnError } from "./errors.js";
import { USAGE_STORAGE } from "./gpu-flags.js";

/** A buffer of the app, or a part of one. `offset` is a multiple of 256; `size`, in bytes, defaults to the rest. */
export type BufferRef =
  GPUBuffer | { readonly buffer: GPUBuffer; readonly offset?: number | undefined; readonly size?: number | undefined };

/** A {@link BufferRef} taken apart. */
export interface BufferPart {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

function isPart(ref: BufferRef): ref is Exclude<BufferRef, GPUBuffer> {
  return "buffer" in ref;
}

/** A {@link BufferRef} as its parts, unchecked. */
export const partsOf = (ref: BufferRef): Exclude<BufferRef, GPUBuffer> => (isPart(ref) ? ref : { buffer: ref });

/** Takes a {@link BufferRef} apart and checks that it can be bound as storage. Throws ATTN5209 and ATTN5212. */
export function bufferPart(field: string, ref: BufferRef, device: GPUDevice): BufferPart {
  const buffer = typeof ref === "object" && ref !== null ? (isPart(ref) ? ref.buffer : ref) : undefined;
  if (buffer === undefined || typeof buffer.size !== "number" || typeof buffer.usage !== "number") {
    throw new AttnError("ATTN5212", {
      field,
      expected: "a GPUBuffer, or { buffer, offset, size }",
      found: ref === null ? "null" : Array.isArray(ref) || ArrayBuffer.isView(ref) ? "an array" : typeof ref,
      remedy: "Pass a buffer of the same device to `encode`, or arrays to `run`.",
    });
  }
  if ((buffer.usage & USAGE_STORAGE) === 0) {
    throw new AttnError("ATTN5209", {
      field,
      expected: "a buffer with the usage GPUBufferUsage.STORAGE",
      found: `usage 0x${buffer.usage.toString(16)}`,
      remedy: "Add GPUBufferUsage.STORAGE where the buffer is created.",
    });
  }
  const offset = isPart(ref) ? (ref.offset ?? 0) : 0;
  const alignment = device.limits.minStorageBufferOffsetAlignment;
  if (!Number.isInteger(offset) || offset < 0 || offset % alignment !== 0 || offset > buffer.size) {
    throw new AttnError("ATTN5208", {
      field: `${field}.offset`,
      expected: `a multiple of ${alignment} within the buffer's ${buffer.size} bytes`,
      found: String(offset),
      remedy: "Place the tensor at an aligned offset.",
    });
  }
  const size = isPart(ref) ? (ref.size ?? buffer.size - offset) : buffer.size;
  if (!Number.isInteger(size) || size < 0 || offset + size > buffer.size) {
    throw new AttnError("ATTN5208", {
      field: `${field}.size`,
      expected: `at most the ${buffer.size - offset} bytes after the offset`,
      found: String(size),
      remedy: "Leave `size` out to use the rest of the buffer.",
    });
  }
  return { buffer, offset, size };
}

/** The most bytes that a storage binding of a device may have, and the limit that says so. */
export function largestBinding(device: GPUDevice): { readonly bytes: number; readonly name: string } {
  const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
  const bytes = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  return { bytes, name: bytes === maxStorageBufferBindingSize ? "maxStorageBufferBindingSize" : "maxBufferSize" };
}

/** Checks that a binding of `bytes` fits the device. Throws ATTN5210. */
export function checkBindingSize(field: string, bytes: number, device: GPUDevice): void {
  const { bytes: limit, name } = largestBinding(device);
  if (bytes <= limit) return;
  throw new AttnError("ATTN5210", {
    field,
    expected: `at most ${limit} bytes (${name} of the device)`,
    found: `${bytes} bytes`,
    remedy: `Request the device with a higher ${name} (see \`requirements\`), or split the call by batch entries or heads.`,
  });
}

/**
 * The binding of a tensor of `shape` with elements of `elementBytes`: checked for size, and no longer
 * than the tensor, rounded up to whole words as WebGPU asks. Throws ATTN5208 and ATTN5210.
 */
export function tensorBinding(
  field: string,
  part: BufferPart,
  shape: readonly number[],
  elementBytes: number,
  device: GPUDevice,
): GPUBufferBinding {
  const bytes = Math.ceil((shape.reduce((a, b) => a * b, 1) * elementBytes) / 4) * 4;
  checkBindingSize(field, bytes, device);
  if (part.size < bytes) {
    throw new AttnError("ATTN5208", {
      field,
      expected: `[${shape.join(", ")}]: at least ${bytes} bytes`,
      found: `${part.size} bytes`,
      remedy: "Make the buffer larger, or check heads, dimensions and lengths of the call.",
    });
  }
  return { buffer: part.buffer, offset: part.offset, size: bytes };
}

/** Checks that what the kernel writes overlaps nothing else that it reads or writes: WebGPU forbids it. Throws ATTN5212. */
export function checkAliasing(bindings: Readonly<Record<string, GPUBufferBinding>>, written: readonly string[]): void {
  for (const out of written) {
    const a = bindings[out];
    if (a === undefined) continue;
    for (const [name, b] of Object.entries(bindings)) {
      if (name === out || a.buffer !== b.buffer) continue;
      if (a.offset! >= b.offset! + b.size! || b.offset! >= a.offset! + a.size!) continue;
      throw new AttnError("ATTN5212", {
        field: out,
        expected: "memory of its own, as the kernel writes it",
        found: `memory that \`${name}\` uses too`,
        remedy: "Pass another buffer, or a part that does not overlap.",
      });
    }
  }
}
