/**
 * How numbers are computed: in float64, or in float32 with every operation rounded. What differs between two ways of
 * float32 is the order of sums; what differs between them and float64 is what float32 costs on these very numbers.
 */
export interface Arithmetic {
  readonly round: (value: number) => number;
  readonly sum: (terms: Float64Array) => number;
}

const f = Math.fround;

export const exact: Arithmetic = {
  round: (value) => value,
  sum: (terms) => {
    let total = 0;
    for (let i = 0; i < terms.length; i++) total += terms[i]!;
    return total;
  },
};

const forwards: Arithmetic = {
  round: f,
  sum: (terms) => {
    let total = 0;
    for (let i = 0; i < terms.length; i++) total = f(total + f(terms[i]!));
    return total;
  },
};

const LANES = 4;

/** Partial sums from the end on, as vector units have them, and then their sum. */
const lanes: Arithmetic = {
  round: f,
  sum: (terms) => {
    let total = 0;
    for (let lane = 0; lane < LANES; lane++) {
      let part = 0;
      for (let i = terms.length - 1 - lane; i >= 0; i -= LANES) part = f(part + f(terms[i]!));
      total = f(total + part);
    }
    return total;
  },
};

/** The ways in which a checked computation is done, the exact one first. */
export const allWays: readonly Arithmetic[] = [exact, forwards, lanes];
export const exactWay: readonly Arithmetic[] = [exact];

/** Half the distance from 1 to the next float32: the relative error of one rounding. */
export const UNIT = 2 ** -24;

/** What rounding a result to float32 may do to it: nothing where float32 holds it. */
export function roundingOf(value: number, units = 1): number {
  return f(value) === value || Number.isNaN(value) ? 0 : units * UNIT * Math.abs(value);
}

/** The least normal float32. */
const NORMAL = 2 ** -126;

/** What devices may do to a number that is not normal: they may take it for 0, before an operation and after it. */
export const flushOf = (value: number): number => (Math.abs(value) < NORMAL ? Math.abs(value) : 0);

const view = new DataView(new ArrayBuffer(8));

/** 2^(i - 1075): a power that is looked up is many times cheaper than one that is computed, and sums of all scores ask for them. */
const powers = Float64Array.from({ length: 2100 }, (_, i) => 2 ** (i - 1075));

/** The value of the last bit that is set. */
function lowestBit(value: number): number {
  view.setFloat64(0, value);
  const [high, low] = [view.getUint32(0), view.getUint32(4)];
  const exponent = (high >>> 20) & 0x7ff;
  const bits = low !== 0 ? trailingZeros(low) : 32 + trailingZeros((high & 0xfffff) | 0x100000);
  return powers[exponent + bits]!;
}

const trailingZeros = (word: number): number => 31 - Math.clz32(word & -word);

/**
 * Whether float32 adds these terms without an error in whatever order: all are multiples of one power of two, and the
 * sum of their magnitudes is at most 2^24 of it.
 */
export function addsExactly(terms: Float64Array): boolean {
  let step = Infinity;
  let total = 0;
  for (let i = 0; i < terms.length; i++) {
    const value = Math.abs(terms[i]!);
    if (value === 0) continue;
    total += value;
    step = Math.min(step, lowestBit(value));
    // Also false for NaN.
    if (!(total <= 2 ** 24 * step) || step < NORMAL) return false;
  }
  return true;
}
