import { AttnError } from "./errors.js";
import { MODE_READ, USAGE_COPY_DST, USAGE_MAP_READ, USAGE_STORAGE } from "./gpu-flags.js";

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

  /** Submits what `encode` records, and behind it copies of `parts`, one after another; gives back the buffer of the copies. */
  submit(label: string, parts: readonly GPUBuffer[], encode: (encoder: GPUCommandEncoder) => void): GPUBuffer {
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    const staging = this.create("result", size, USAGE_MAP_READ | USAGE_COPY_DST);
    const encoder = this.device.createCommandEncoder({ label });
    encode(encoder);
    let at = 0;
    for (const part of parts) {
      encoder.copyBufferToBuffer(part, 0, staging, at, part.size);
      at += part.size;
    }
    this.device.queue.submit([encoder.finish()]);
    return staging;
  }

  destroy(): void {
    for (const buffer of this.buffers) buffer.destroy();
  }
}

/** The bytes of a buffer that `submit` gave. */
export async function readBack(staging: GPUBuffer): Promise<ArrayBuffer> {
  await staging.mapAsync(MODE_READ);
  const copy = staging.getMappedRange().slice(0);
  staging.unmap();
  return copy;
}

/** What a run does: `encode` records it, `parts` are the buffers whose bytes are wanted. */
export interface StagedRun {
  readonly parts: readonly GPUBuffer[];
  encode(encoder: GPUCommandEncoder): void;
}

interface StagingOperator {
  readonly device: GPUDevice;
  readonly module: { readonly name: string };
  /** Throws where the operator or its device is gone. */
  checkUsable(): void;
}

/**
 * Runs on buffers of its own what `stage` prepares, and gives back the bytes of its parts, one after another.
 * Throws ATTN5106 for an error of the device, or what `checkUsable` does if that is why.
 */
export async function runStaged(operator: StagingOperator, stage: (buffers: RunBuffers) => StagedRun): Promise<ArrayBuffer> {
  const { device, module } = operator;
  const buffers = new RunBuffers(device);
  device.pushErrorScope("out-of-memory");
  device.pushErrorScope("validation");
  let scopes: Promise<unknown[]> | undefined;
  const popScopes = () => (scopes ??= Promise.all([device.popErrorScope(), device.popErrorScope()]).catch((error: unknown) => [error]));
  try {
    const { parts, encode } = stage(buffers);
    const reading = readBack(buffers.submit(`attnc run ${module.name}`, parts, encode)).catch((error: unknown) => error);
    const failed = (await popScopes()).find((error) => error !== null);
    const result = await reading;
    if (failed || !(result instanceof ArrayBuffer)) throw await deviceFailure(operator, failed ?? result);
    return result;
  } finally {
    void popScopes();
    buffers.destroy();
  }
}

/** The error for a run that did not end well: of the lost device if that is why. */
async function deviceFailure(operator: StagingOperator, failed: unknown): Promise<Error> {
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
