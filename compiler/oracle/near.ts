import { remainder } from "./values.js";

export interface NearRule {
  readonly length: number;
  readonly window: number;
  readonly stride: number;
  readonly dilation: number;
  readonly causal: boolean;
}

/**
 * The coordinates that a query at `at` sees along one axis, by walking: NATTEN's rule told as a story.
 *
 * The axis falls into `dilation` classes by remainder, and only the query's own class counts; from here on
 * places are places in that class. Queries stand in groups of `stride`, each with a leader: the middle one,
 * the upper of two, or the last one on a causal axis. Where the last group is cut off, the last query
 * leads. All of a group see the `window` places around their leader, with the longer side before it; a
 * window that sticks out is pushed back until it does not. A causal window ends at the leader, and a query
 * takes of it what is not after itself.
 */
export function neighbours(rule: NearRule, at: number): ReadonlySet<number> {
  const members: number[] = [];
  for (let c = remainder(at, rule.dilation); c < rule.length; c += rule.dilation) members.push(c);
  const own = members.indexOf(at);
  let group = 0;
  while (group + rule.stride <= own) group += rule.stride;
  const wanted = rule.causal ? group + rule.stride - 1 : group + Math.floor(rule.stride / 2);
  const leader = Math.min(wanted, members.length - 1);

  const places: number[] = [];
  if (rule.causal) {
    for (let i = 0; i < rule.window; i++) places.push(leader - i);
    return new Set(places.filter((place) => place >= 0 && place <= own).map((place) => members[place]!));
  }
  let first = leader - Math.floor(rule.window / 2);
  while (first < 0) first++;
  while (first > 0 && first + rule.window > members.length) first--;
  for (let i = 0; i < rule.window; i++) places.push(first + i);
  return new Set(places.filter((place) => place < members.length).map((place) => members[place]!));
}
