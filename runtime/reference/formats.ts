import type { Dtype } from "../launch/module.js";

/** A binary floating-point format of 16 bits, by its definition. */
interface Format {
  /** Significant bits, the leading one included. */
  readonly bits: number;
  /** The exponent of the least normal number; below it steps stay the same. */
  readonly leastExponent: number;
  readonly greatest: number;
}

const FORMATS: Readonly<Record<Exclude<Dtype, "f32">, Format>> = {
  f16: { bits: 11, leastExponent: -14, greatest: 65504 },
  bf16: { bits: 8, leastExponent: -126, greatest: (2 - 2 ** -7) * 2 ** 127 },
};

const view = new DataView(new ArrayBuffer(4));

const LEAST_POWER = -160;
/** Looked up, powers are many times cheaper than computed, and every number of every tensor asks for two. */
const POWERS = Float64Array.from({ length: 320 }, (_, i) => 2 ** (LEAST_POWER + i));
const powerOfTwo = (exponent: number): number => POWERS[exponent - LEAST_POWER]!;

/** floor(log2) of a positive number of at least float32's least normal; smaller ones give less than -126. */
function exponentOf(value: number): number {
  view.setFloat32(0, value);
  const exponent = (view.getUint32(0) >>> 23) - 127;
  // Rounding to float32 may have crossed a power of two.
  return powerOfTwo(exponent) > value ? exponent - 1 : exponent;
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** The number of a format nearest to a number, ties to even; too great ones become infinite. Float32 numbers stay as they are in f32. */
export function roundTo(dtype: Dtype, value: number): number {
  if (dtype === "f32" || value === 0 || !Number.isFinite(value)) return value;
  const { bits, leastExponent, greatest } = FORMATS[dtype];
  const exponent = Math.max(leastExponent, exponentOf(Math.abs(value)));
  const step = powerOfTwo(exponent - bits + 1);
  const rounded = roundToEven(value / step) * step;
  return Math.abs(rounded) > greatest ? Math.sign(value) * Infinity : rounded;
}

/** A copy with every number rounded: what a kernel on tensors of that type gets to see. */
export function roundedTo(dtype: Dtype, values: Float32Array): Float32Array {
  if (dtype === "f32") return values;
  const rounded = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) rounded[i] = roundTo(dtype, values[i]!);
  return rounded;
}

/** What rounding float32 numbers to a format may do to one of them: at most `relative` of it, or `absolute` where that is more. */
interface Rounding {
  readonly relative: number;
  readonly absolute: number;
}

/** Half a step of the numbers from 1 on, and of the least. */
const halfSteps = ({ bits, leastExponent }: Format): Rounding => ({ relative: 2 ** -bits, absolute: 2 ** (leastExponent - bits) });

const ROUNDINGS: Readonly<Record<Dtype, Rounding>> = {
  f32: { relative: 0, absolute: 0 },
  f16: halfSteps(FORMATS.f16),
  bf16: halfSteps(FORMATS.bf16),
};

export const roundingOf = (dtype: Dtype): Rounding => ROUNDINGS[dtype];

/** What storing a result may add: half a step, at least that of the smallest numbers. */
export function storeRounding(dtype: Dtype, value: number): number {
  const { relative, absolute } = roundingOf(dtype);
  return Math.max(Math.abs(value) * relative, absolute);
}
