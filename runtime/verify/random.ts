/** Random numbers that are the same on every machine for the same seed: a 32-bit PCG (XSH-RR output, LCG state of 64 bits). */
export interface Random {
  /** An integer from 0 to 2^32 - 1. */
  word(): number;
  /** A number in [0, 1). */
  unit(): number;
  /** An integer from `low` to `high`, both included. */
  integer(low: number, high: number): number;
  /** Normally distributed, mean 0 and variance 1. */
  normal(): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** 6364136223846793005, the multiplier of PCG's generator, in two words. */
const [MULTIPLIER_HIGH, MULTIPLIER_LOW] = [0x5851f42d, 0x4c957f2d];

/** The upper word of a product of two words. */
function productHigh(a: number, b: number): number {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  return a1 * b1 + (middle >>> 16) + ((a0 * b1 + (middle & 0xffff)) >>> 16);
}

/** Numbers of 64 bits are two words: those of the language itself are many times slower, and a case takes a million. */
export function random(seed: number): Random {
  const incrementLow = ((seed << 1) | 1) >>> 0;
  const incrementHigh = seed >>> 31;
  let [high, low] = [0, 0];
  const step = (): void => {
    const sum = (Math.imul(low, MULTIPLIER_LOW) >>> 0) + incrementLow;
    const carry = sum > 0xffffffff ? 1 : 0;
    high =
      (productHigh(low, MULTIPLIER_LOW) + Math.imul(low, MULTIPLIER_HIGH) + Math.imul(high, MULTIPLIER_LOW) + incrementHigh + carry) >>> 0;
    low = sum >>> 0;
  };
  step();
  const seeded = low + (seed >>> 0);
  high = (high + (seeded > 0xffffffff ? 1 : 0)) >>> 0;
  low = seeded >>> 0;
  step();
  const word = (): number => {
    const mixedHigh = high ^ (high >>> 18);
    const mixedLow = low ^ ((low >>> 18) | (high << 14));
    const mixed = (mixedLow >>> 27) | (mixedHigh << 5);
    const turn = high >>> 27;
    step();
    return ((mixed >>> turn) | (mixed << (-turn & 31))) >>> 0;
  };
  const unit = (): number => word() / 2 ** 32;
  const integer = (low: number, high: number): number => low + Math.floor(unit() * (high - low + 1));
  let spare: number | undefined;
  const normal = (): number => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    // Box and Muller: two at a time.
    const radius = Math.sqrt(-2 * Math.log(1 - unit()));
    const angle = 2 * Math.PI * unit();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  return {
    word,
    unit,
    integer,
    normal,
    chance: (probability) => unit() < probability,
    pick: (items) => items[integer(0, items.length - 1)]!,
  };
}

/** One seed out of several numbers, so that cases that differ in any of them get different data. */
export function mixSeeds(...parts: readonly number[]): number {
  return parts.reduce((hash, part) => Math.imul(hash ^ (part + 0x9e3779b9), 0x85ebca6b) ^ (hash >>> 13), 0x2545f491) >>> 0;
}
