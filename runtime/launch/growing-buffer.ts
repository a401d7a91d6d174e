/** How much a buffer that is outgrown may grow ahead of what is needed, in bytes. */
const MOST_AHEAD = 2 ** 25;

/**
 * A buffer of an operator's own that becomes larger as launches need it. Launches encoded in any order share it: each
 * fills what it reads in its own commands, and these run one after another.
 */
export class GrowingBuffer {
  private buffer: GPUBuffer;

  constructor(
    private readonly device: GPUDevice,
    private readonly label: string,
    private readonly usage: GPUBufferUsageFlags,
  ) {
    this.buffer = this.create(16);
  }

  private create(size: number): GPUBuffer {
    return this.device.createBuffer({ label: this.label, size, usage: this.usage });
  }

  /** The buffer, of at least `bytes`, which the device's limits allow. */
  atLeast(bytes: number): GPUBuffer {
    if (this.buffer.size < bytes) {
      const limit = Math.min(this.device.limits.maxBufferSize, this.device.limits.maxStorageBufferBindingSize);
      const ahead = Math.min(bytes + Math.min(bytes, MOST_AHEAD), Math.floor(limit / 4) * 4);
      // The old one is left to the collector: commands already encoded may use it.
      this.buffer = this.create(Math.max(bytes, ahead));
    }
    return this.buffer;
  }

  destroy(): void {
    this.buffer.destroy();
  }
}
