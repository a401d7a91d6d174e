/** Contents kept, of each kind: more than the layers of a model that launch in turn. */
const KEPT_CONTENTS = 256;

/**
 * Buffers that never change once made, found again by their content. As `encode` does not submit, a
 * buffer written by the queue would hold the values of the last call for all of them; these do not.
 * The least recently used are forgotten, not destroyed: a command that is still to run may use them.
 */
export class ConstantBuffers {
  private readonly buffers = new Map<string, GPUBuffer>();

  constructor(
    private readonly device: GPUDevice,
    private readonly label: string,
    private readonly usage: GPUBufferUsageFlags,
  ) {}

  /** The buffer that holds `words` (at least one). */
  get(words: Int32Array): GPUBuffer {
    const key = words.join(",");
    let buffer = this.buffers.get(key);
    if (buffer === undefined) {
      buffer = this.device.createBuffer({ label: this.label, size: words.byteLength, usage: this.usage, mappedAtCreation: true });
      new Int32Array(buffer.getMappedRange()).set(words);
      buffer.unmap();
      if (this.buffers.size >= KEPT_CONTENTS) this.buffers.delete(this.buffers.keys().next().value!);
    } else {
      this.buffers.delete(key);
    }
    this.buffers.set(key, buffer);
    return buffer;
  }

  /** How many contents are kept. */
  get size(): number {
    return this.buffers.size;
  }

  destroy(): void {
    for (const buffer of this.buffers.values()) buffer.destroy();
    this.buffers.clear();
  }
}
