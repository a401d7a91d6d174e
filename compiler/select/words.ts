/** Float32 numbers, and integers, in rows of bits, a byte for each bit, as matrices are held here: 32 bits from the lowest on. */

const word = new DataView(new ArrayBuffer(4));

export function readWord(bits: Uint8Array | Int32Array, at: number): number {
  let value = 0;
  for (let i = 0; i < 32; i++) if (bits[at + i] !== 0) value |= 1 << i;
  word.setInt32(0, value);
  return word.getFloat32(0);
}

export function writeWord(bits: Uint8Array | Int32Array, at: number, value: number): void {
  word.setFloat32(0, value);
  writeInteger(bits, at, word.getInt32(0));
}

export function writeInteger(bits: Uint8Array | Int32Array, at: number, all: number): void {
  for (let i = 0; i < 32; i++) bits[at + i] = (all >>> i) & 1;
}
