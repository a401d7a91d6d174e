type Koffi = typeof import("koffi").default;

/** Tensor maps, the most demanding of parameters, stand at multiples of 64 bytes. */
const ALIGNMENT = 64;

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Memory of the host whose address is known, for what the driver wants pointers to. It grows as needed. */
export class HostBlock {
  private memory = new ArrayBuffer(0);
  /** Where its first aligned byte is, in the memory and in the address space. */
  private offset = 0;
  private base = 0n;

  constructor(private readonly koffi: Koffi) {}

  private reserve(bytes: number): void {
    if (this.memory.byteLength >= bytes + ALIGNMENT) return;
    this.memory = new ArrayBuffer(2 * bytes + ALIGNMENT);
    const address = this.koffi.address(this.memory);
    this.offset = Number(-address & BigInt(ALIGNMENT - 1));
    this.base = address + BigInt(this.offset);
  }

  /** Aligned memory, and its address until the next use of the block. */
  take(bytes: number): { readonly bytes: Uint8Array<ArrayBuffer>; readonly address: bigint } {
    this.reserve(bytes);
    return { bytes: new Uint8Array(this.memory, this.offset, bytes), address: this.base };
  }

  /** Puts pieces into the block, each aligned, and gives the array of their addresses. */
  fill(pieces: readonly Uint8Array[]): BigUint64Array<ArrayBuffer> {
    const { bytes, address } = this.take(pieces.reduce((sum, piece) => sum + aligned(piece.byteLength), 0));
    const pointers = new BigUint64Array(new ArrayBuffer(8 * pieces.length));
    let at = 0;
    pieces.forEach((piece, i) => {
      bytes.set(piece, at);
      pointers[i] = address + BigInt(at);
      at += aligned(piece.byteLength);
    });
    return pointers;
  }
}
