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

const MULTIPLIER = 6364136223846793005n;
const MASK = (1n << 64n) - 1n;

export function random(seed: number): Random {
  const increment = ((BigInt(seed >>> 0) << 1n) | 1n) & MASK;
  let state = ((BigInt(seed >>> 0) + increment) * MULTIPLIER + increment) & MASK;
  const word = (): number => {
    const old = state;
    state = (old * MULTIPLIER + increment) & MASK;
    const mixed = Number((((old >> 18n) ^ old) >> 27n) & 0xffffffffn);
    const turn = Number(old >> 59n);
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
