const view = new DataView(new ArrayBuffer(4));

/**
 * The float16 nearest to a number, ties to even, as a number; too great ones become infinite. It is computed
 * from the definition: 11 significant bits, exponents from -14, below them steps of 2^-24.
 */
export function roundToHalf(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const exponent = Math.max(-14, exponentOf(Math.abs(value)));
  const step = 2 ** (exponent - 10);
  const rounded = roundToEven(value / step) * step;
  return Math.abs(rounded) > 65504 ? Math.sign(value) * Infinity : rounded;
}

/** floor(log2) of a positive number of at least float32's least normal; smaller ones are far below float16. */
function exponentOf(value: number): number {
  view.setFloat32(0, value);
  const exponent = (view.getUint32(0) >>> 23) - 127;
  // Rounding to float32 may have crossed a power of two.
  return 2 ** exponent > value ? exponent - 1 : exponent;
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** A copy with every number rounded to float16: what a kernel on f16 buffers gets to see. */
export function halves(values: Float32Array): Float32Array {
  return values.map(roundToHalf);
}

/** What storing a result as float16 may add: half a step, at least that of the smallest numbers. */
export function halfRounding(value: number): number {
  return Math.max(Math.abs(value) * 2 ** -11, 2 ** -25);
}
