const floatBits = new Uint32Array(1);
const floats = new Float32Array(floatBits.buffer);

/** The bits of the bfloat16 number nearest to `value` (ties to even): the upper half of a binary32; a NaN stays one. */
export function toBfloatBits(value: number): number {
  floats[0] = value;
  const bits = floatBits[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  // Just under half of what goes, one more where the bit kept is odd; carries run into the exponent, up to infinity.
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number that bfloat16 `bits` stand for. */
export function fromBfloatBits(bits: number): number {
  floatBits[0] = bits << 16;
  return floats[0]!;
}

/** {@link toBfloatBits} for each element. */
export function toBfloatArray(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) bits[i] = toBfloatBits(values[i]!);
  return bits;
}

/** {@link fromBfloatBits} for each element. */
export function fromBfloatArray(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = fromBfloatBits(bits[i]!);
  return values;
}
