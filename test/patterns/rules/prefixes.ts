/**
 * How many of the falling masses of a row each system keeps for a share p. `masses` are sorted and sum to 1, but for
 * XAttention, whose threshold is a share of the sum.
 */

function cumulative(masses: readonly number[]): number[] {
  let total = 0;
  return masses.map((mass) => (total += mass));
}

/** The rule of the language: the smallest prefix whose mass is at least p of the whole. */
export function smallestPrefix(masses: readonly number[], p: number): number {
  const sums = cumulative(masses);
  const enough = sums.findIndex((sum) => sum >= p * (sums.at(-1) ?? 0));
  return enough < 0 ? masses.length : enough + 1;
}

/** FlexPrefill: as many prefixes as have at most the share, and one more. */
export const flexPrefill = (masses: readonly number[], p: number): number => cumulative(masses).filter((sum) => sum <= p).length + 1;

/** Sparse VideoGen 2: an entry stays while the mass before it is at most the share. */
export const sparseVideoGen2 = (masses: readonly number[], p: number): number =>
  [0, ...cumulative(masses).slice(0, -1)].filter((before) => before <= p).length;

/** PBS-Attn: the first prefix that has the share. */
export const pbs = (masses: readonly number[], p: number): number => cumulative(masses).findIndex((sum) => sum >= p) + 1;

/** SpargeAttn: the place at which p would be inserted behind its equals, and at least one entry. */
export const sparge = (masses: readonly number[], p: number): number => Math.max(1, cumulative(masses).filter((sum) => sum <= p).length);

/** XAttention: an entry is added while the mass before it is below the share of the row's sum. */
export function xattention(masses: readonly number[], p: number): number {
  const sums = cumulative(masses);
  return [0, ...sums.slice(0, -1)].filter((before) => before < p * sums.at(-1)!).length;
}
