const singleBits = new Uint32Array(1);
const single = new Float32Array(singleBits.buffer);

/** The bits of the IEEE binary16 number nearest to `value` (ties to even); a NaN stays one. */
export function toHalfBits(value: number): number {
  single[0] = value;
  const bits = singleBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and more round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Below 2^-14 a step is 2^-24. Adding 0.5 puts that step at the last bit of a binary32, which then rounds.
    single[0] = Math.abs(value) + 0.5;
    return sign | (singleBits[0]! - 0x3f000000);
  }
  // 13 bits go: add just under half of them, one more where the bit kept is odd; then move the exponent's bias from 127 to 15.
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - (112 << 23)) >>> 13);
}

/** The number that binary16 `bits` stand for. */
export function fromHalfBits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** {@link toHalfBits} for each element. */
export function toHalfArray(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) bits[i] = toHalfBits(values[i]!);
  return bits;
}

/** {@link fromHalfBits} for each element. */
export function fromHalfArray(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = fromHalfBits(bits[i]!);
  return values;
}
