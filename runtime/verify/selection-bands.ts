import type { ExpectedHead, KeepNumbers } from "./selection-expected.js";

const unit = 2 ** -24;

/** Where the score of a unit may lie that is computed another way in float32: NaN, or between two numbers. */
export interface Band {
  readonly low: number;
  readonly high: number;
  readonly nan: "no" | "yes" | "maybe";
}

/**
 * The bands of the units that share a row. As for outputs ({@link expectedWithin}) a score may be off by
 *
 *     2 * (e + r)
 *
 * - e: the greatest difference, over the scores of the row, of two plain float32 computations of the very same thing
 *   to float64. They differ in the order of their sums.
 * - r: what single roundings do to this score, from first-order analysis. It is 0 where every step is exact in float32,
 *   so that equal scores of such data are ties, and ties have one right answer.
 */
export function scoreBands({ scores, slack }: Pick<ExpectedHead, "scores" | "slack">, places: readonly number[]): readonly Band[] {
  const [exact, ...plain] = scores as [Float64Array, ...Float64Array[]];
  let error = 0;
  for (const i of places) for (const values of plain) error = Math.max(error, difference(values[i]!, exact[i]!));
  return places.map((i) => {
    const value = exact[i]!;
    const nans = plain.filter((values) => Number.isNaN(values[i]!)).length;
    if (Number.isNaN(value)) return nans === plain.length ? never : anything;
    if (nans > 0) return anything;
    const own = plain.reduce((most, values) => Math.max(most, Math.abs(values[i]! - value) || 0), 0);
    const off = Number.isFinite(value) ? 2 * (Math.max(error, own) + slack[i]!) : 0;
    return Number.isNaN(off) ? anything : { low: value - off, high: value + off, nan: "no" };
  });
}

/** The ends of a band in the order of ranks, in which NaN is the least of all. */
export const lowOf = (band: Band): number => (band.nan === "no" ? Math.max(band.low, -Number.MAX_VALUE) : -Infinity);
export const highOf = (band: Band): number => (band.nan === "yes" ? -Infinity : Math.max(band.high, -Number.MAX_VALUE));
export const isExact = (band: Band): boolean => lowOf(band) === highOf(band);

/** Whether i, in the band a, ranks before j, in the band b, in any computation that is right: exact ties go by index. */
export function ranksBefore(a: Band, i: number, b: Band, j: number): boolean {
  if (lowOf(a) !== highOf(b)) return lowOf(a) > highOf(b);
  return isExact(a) && isExact(b) && i < j;
}

const never: Band = { low: -Infinity, high: -Infinity, nan: "yes" };
const anything: Band = { low: -Infinity, high: Infinity, nan: "maybe" };

/** Between finite numbers. */
function difference(a: number, b: number): number {
  const apart = Math.abs(a - b);
  return Number.isFinite(apart) ? apart : 0;
}

/** Sums of masses, and how far from them those of another computation may be. */
export interface Masses {
  readonly total: number;
  /** Of the forced units that count. */
  readonly forced: number;
  readonly band: number;
}

/** NaN and what is below 0 have none; infinity has that of the first number beyond float32. */
export const massOf = (score: number): number => (score > 0 ? Math.min(score, 2 ** 128) : 0);

/**
 * What a rule by mass compares: the mass of what is kept, and the part p of all. Either is off by what its terms are off
 * by to first order, by the difference of float32 sums to float64, measured on prefixes of the ranking, and by one
 * rounding. As everywhere twice.
 */
export function massesOf({ scores, slack, forced }: ExpectedHead, counted: readonly number[], amount: number): Masses {
  const [exact, ...plain] = scores as [Float64Array, ...Float64Array[]];
  const ranked = counted.toSorted((a, b) => massOf(exact[b]!) - massOf(exact[a]!));
  const truth = prefixes(ranked.map((i) => massOf(exact[i]!)));
  let error = 0;
  for (const values of plain) {
    for (const order of [ranked, ranked.toReversed()]) {
      const sums = prefixes(
        order.map((i) => massOf(values[i]!)),
        Math.fround,
      );
      const right = order === ranked ? truth : prefixes(order.map((i) => massOf(exact[i]!)));
      sums.forEach((sum, i) => (error = Math.max(error, difference(sum, right[i]!))));
    }
  }
  const total = truth.at(-1) ?? 0;
  const own = counted.reduce((sum, i) => sum + massSlack(exact[i]!, plain, slack[i]!, i), 0);
  const product = amount * total;
  const rounding = Math.fround(amount) === amount && Math.fround(product) === product ? 0 : 2 * unit * Math.abs(product);
  const inexact = error === 0 && own === 0 ? 0 : unit * total;
  const band = 2 * ((1 + amount) * (error + own + inexact) + rounding);
  return { total, forced: counted.reduce((sum, i) => sum + (forced[i] === 1 ? massOf(exact[i]!) : 0), 0), band };
}

/** What single roundings may do to a mass: nothing to one of a score that is surely below 0 or surely NaN. */
function massSlack(score: number, plain: readonly Float64Array[], slack: number, i: number): number {
  const nans = plain.filter((values) => Number.isNaN(values[i]!)).length + Number(Number.isNaN(score));
  if (nans > 0) return nans > plain.length ? 0 : Infinity;
  if (score + slack <= 0 || score === Infinity) return 0;
  return Number.isNaN(slack) ? Infinity : slack;
}

function prefixes(values: readonly number[], round: (x: number) => number = (x) => x): readonly number[] {
  let sum = 0;
  return values.map((value) => (sum = round(sum + value)));
}

/** The numbers of units that a part of a count may come to. */
export function fractionBand({ amount }: KeepNumbers, count: number): readonly [number, number] {
  const product = amount * count;
  const off = Math.fround(amount) === amount && Math.fround(product) === product ? 0 : 4 * unit * product;
  return [Math.ceil(product - off), Math.ceil(product + off)];
}

/** A threshold as float32 holds it. */
export const thresholdBand = (amount: number): number => (Math.fround(amount) === amount ? 0 : unit * Math.abs(amount));
