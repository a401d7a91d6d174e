import { random } from "../../../runtime/verify/random.js";

/** A vector for each token: what one head has of q or k. */
export type Vectors = readonly (readonly number[])[];

/** Numbers that look like a model's: `length` vectors of `dim`. */
export function vectors(length: number, dim: number, seed: number): number[][] {
  const source = random(seed);
  return Array.from({ length }, () => Array.from({ length: dim }, () => Math.fround(source.normal())));
}

export const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, c) => sum + x * b[c]!, 0);

export const sum = (values: readonly number[]): number => values.reduce((total, x) => total + x, 0);

/** The mean vector of tokens `from` to `to - 1`, of those that exist. */
export function meanVector(tokens: Vectors, from: number, to: number): number[] {
  const part = tokens.slice(from, to);
  return part[0]!.map((_, c) => sum(part.map((token) => token[c]!)) / part.length);
}

/** Softmax of the numbers above -Infinity; the others are 0. */
export function softmax(row: readonly number[]): number[] {
  const greatest = Math.max(...row);
  if (greatest === -Infinity) return row.map(() => 0);
  const raised = row.map((x) => Math.exp(x - greatest));
  const total = sum(raised);
  return raised.map((x) => x / total);
}

/** Places by falling value; of equal values the lower place comes first. */
export const descending = (values: readonly number[]): number[] =>
  values.map((_, i) => i).sort((a, b) => (values[a] === values[b] ? a - b : values[b]! - values[a]!));

/** The places of the n greatest values that are above -Infinity. */
export const topPlaces = (values: readonly number[], n: number): Set<number> =>
  new Set(
    descending(values)
      .filter((i) => values[i]! > -Infinity)
      .slice(0, n),
  );

export const blocksOf = (length: number, block: number): number => Math.ceil(length / block);

export const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** A vector in whole steps from -7 to 7 of a seventh of its greatest element. */
export function fourBits(x: readonly number[]): number[] {
  const step = Math.max(...x.map(Math.abs)) / 7;
  return x.map((each) => Math.round(each / step) * step);
}

/** The mean of all of them. */
export const meanOf = (vectors: Vectors): number[] => meanVector(vectors, 0, vectors.length);
