import { descending, range, sum, topPlaces } from "./tensors.js";

/** The n best places, the forced ones among them. */
export function bestWith(scores: readonly number[], n: number, forced: (place: number) => boolean): Set<number> {
  return topPlaces(
    scores.map((score, place) => (forced(place) ? Infinity : score)),
    Math.max(n, scores.filter((_, place) => forced(place)).length),
  );
}

/** Forced places first, then the others by falling score, until they have the share p of the sum; at least `least` places. */
export function shareWith(scores: readonly number[], p: number, forced: (place: number) => boolean, least = 0): Set<number> {
  const whole = sum(scores.filter((score) => score > -Infinity));
  const kept = new Set(range(scores.length).filter(forced));
  let mass = sum([...kept].map((place) => scores[place]!));
  for (const place of descending(scores)) {
    if (mass >= p * whole && kept.size >= least) break;
    if (kept.has(place) || scores[place] === -Infinity) continue;
    kept.add(place);
    mass += scores[place]!;
  }
  return kept;
}

export const never = (): boolean => false;
