import {
  fractionBand,
  highOf,
  isExact,
  lowOf,
  massesOf,
  massOf,
  ranksBefore,
  scoreBands,
  thresholdBand,
  type Band,
} from "./selection-bands.js";
import type { ExpectedHead } from "./selection-expected.js";

/** What is wrong with the units that share a budget. `unit` and `other` are places in the head's arrays. */
export interface Fault {
  readonly problem: string;
  readonly unit?: number | undefined;
  readonly other?: number | undefined;
}

/** The units of a budget, and what is known of them. */
interface Row {
  readonly head: ExpectedHead;
  /** Places of the candidates, in the order that breaks ties. */
  readonly candidates: readonly number[];
  readonly forced: readonly number[];
  readonly others: readonly number[];
  readonly bands: ReadonlyMap<number, Band>;
  /** The least and the most of the others that a right selection may keep. */
  readonly least: number;
  readonly most: number;
}

/** The places of the units that share a budget. */
export function budgetsOf({ rows, columns, scope }: ExpectedHead): readonly (readonly number[])[] {
  const all = Array.from({ length: rows * columns }, (_, i) => i);
  if (scope === "head") return [all];
  return Array.from({ length: rows }, (_, row) => all.slice(row * columns, (row + 1) * columns));
}

function rowOf(head: ExpectedHead, places: readonly number[]): Row {
  const candidates = places.filter((i) => head.candidates[i] === 1);
  const forced = candidates.filter((i) => head.forced[i] === 1);
  const others = candidates.filter((i) => head.forced[i] !== 1);
  const bands = new Map(scoreBands(head, candidates).map((band, i) => [candidates[i]!, band]));
  const [least, most] = wantedOf(head, candidates, forced, others, bands);
  return { head, candidates, forced, others, bands, least, most };
}

/** How many of the others a right selection keeps: more than one answer where rounding decides. */
function wantedOf(
  head: ExpectedHead,
  candidates: readonly number[],
  forced: readonly number[],
  others: readonly number[],
  bands: ReadonlyMap<number, Band>,
): readonly [number, number] {
  const { rule } = head;
  const base = rule.onTop ? 0 : forced.length;
  const counted = rule.onTop ? others : candidates;
  const natural = (): readonly [number, number] => {
    switch (rule.rule) {
      case "top":
        return [rule.amount - base, rule.amount - base];
      case "fraction": {
        const [low, high] = fractionBand(rule, counted.length);
        return [low - base, high - base];
      }
      case "threshold": {
        const count = (passes: (band: Band) => boolean): number => others.filter((i) => passes(bands.get(i)!)).length;
        return [count((band) => surelyPasses(band, rule.amount)), count((band) => mayPass(band, rule.amount))];
      }
      case "top_p": {
        const masses = massesOf(head, counted, rule.amount);
        const best = others.map((i) => head.scores[0]![i]!).toSorted((a, b) => falling(a, b));
        const reach = (mass: number): number => {
          let sum = rule.onTop ? 0 : masses.forced;
          let taken = 0;
          while (taken < best.length && sum < mass) sum += massOf(best[taken++]!);
          return taken;
        };
        const wanted = rule.amount * masses.total;
        return [reach(wanted - masses.band), reach(wanted + masses.band)];
      }
    }
  };
  const bounded = (count: number): number => {
    const total = Math.min(rule.most ?? Infinity, Math.max(rule.least ?? 0, base + count));
    return Math.min(others.length, Math.max(0, total - base));
  };
  const [low, high] = natural();
  return [bounded(low), bounded(high)];
}

const surelyPasses = (band: Band, t: number): boolean => band.nan === "no" && band.low >= t + thresholdBand(t);
const mayPass = (band: Band, t: number): boolean => band.nan !== "yes" && band.high >= t - thresholdBand(t);

function falling(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a === b ? 0 : b > a ? 1 : -1;
}

/** Whether the unit at `i` ranks before that at `j` in any computation that is right. */
function surelyBefore(row: Row, i: number, j: number): boolean {
  return ranksBefore(row.bands.get(i)!, i, row.bands.get(j)!, j);
}

/** What is wrong with a set of kept units; undefined where nothing is. */
export function faultOf(head: ExpectedHead, places: readonly number[], isKept: (place: number) => boolean): Fault | undefined {
  const row = rowOf(head, places);
  const stray = places.find((i) => head.candidates[i] !== 1 && isKept(i));
  if (stray !== undefined) return { problem: "keeps a unit that is no candidate", unit: stray };
  const missing = row.forced.find((i) => !isKept(i));
  if (missing !== undefined) return { problem: "lacks a forced unit", unit: missing };
  const kept = row.others.filter(isKept);
  const left = row.others.filter((i) => !isKept(i));
  const worstKept = kept.reduce<number | undefined>((worst, i) => (worst === undefined || weaker(row, i, worst) ? i : worst), undefined);
  const bestLeft = left.reduce<number | undefined>((best, i) => (best === undefined || stronger(row, i, best) ? i : best), undefined);
  if (kept.length < row.least || kept.length > row.most) return countFault(row, kept.length, worstKept, bestLeft);
  if (worstKept !== undefined && bestLeft !== undefined && surelyBefore(row, bestLeft, worstKept))
    return { problem: "keeps a unit that ranks below one that it leaves out", unit: worstKept, other: bestLeft };
  return thresholdFault(row, kept, left);
}

/** By the upper ends of their bands; of exact ties the later one. */
function weaker(row: Row, i: number, than: number): boolean {
  const [a, b] = [row.bands.get(i)!, row.bands.get(than)!];
  return highOf(a) === highOf(b) ? isExact(a) : highOf(a) < highOf(b);
}

function stronger(row: Row, i: number, than: number): boolean {
  const [a, b] = [row.bands.get(i)!, row.bands.get(than)!];
  return lowOf(a) === lowOf(b) ? isExact(a) && !isExact(b) : lowOf(a) > lowOf(b);
}

function countFault(row: Row, kept: number, worstKept: number | undefined, bestLeft: number | undefined): Fault {
  const { forced, least, most } = row;
  const all = (count: number): string => String(count + forced.length);
  const wanted = least === most ? all(least) : `${all(least)} to ${all(most)}`;
  return { problem: `keeps ${all(kept)} units, not ${wanted}`, unit: kept > most ? worstKept : bestLeft };
}

/** Where no bound decides, each unit is kept or left out for its own score. */
function thresholdFault(row: Row, kept: readonly number[], left: readonly number[]): Fault | undefined {
  const { rule } = row.head;
  if (rule.rule !== "threshold") return undefined;
  const count = kept.length + (rule.onTop ? 0 : row.forced.length);
  const high = left.find((i) => surelyPasses(row.bands.get(i)!, rule.amount));
  if (high !== undefined && count < (rule.most ?? Infinity))
    return { problem: `leaves out a score of at least ${rule.amount}`, unit: high };
  const low = kept.find((i) => !mayPass(row.bands.get(i)!, rule.amount));
  if (low !== undefined && count > (rule.least ?? 0)) return { problem: `keeps a score below ${rule.amount}`, unit: low };
  return undefined;
}

/** The units of a budget that every right selection keeps, and those that some right selection does. */
export function certainty(
  head: ExpectedHead,
  places: readonly number[],
): { readonly sure: readonly number[]; readonly possible: readonly number[] } {
  const row = rowOf(head, places);
  const { others, forced, bands } = row;
  const lows = others.map((i) => lowOf(bands.get(i)!)).sort((a, b) => a - b);
  const highs = others.map((i) => highOf(bands.get(i)!)).sort((a, b) => a - b);
  // Exact ties go by index: of how many with this very score a unit is the how-manieth.
  const ties = new Map<number, number[]>();
  for (const i of others) {
    const band = bands.get(i)!;
    if (!isExact(band)) continue;
    const same = ties.get(lowOf(band));
    if (same === undefined) ties.set(lowOf(band), [i]);
    else same.push(i);
  }
  const tied = (i: number): { readonly before: number; readonly after: number } => {
    const band = bands.get(i)!;
    const same = isExact(band) ? ties.get(lowOf(band))! : [i];
    const at = countBelow(same, i);
    return { before: at, after: same.length - 1 - at };
  };
  const before = (i: number): number => others.length - countBelow(lows, highOf(bands.get(i)!), true) + tied(i).before;
  const after = (i: number): number => countBelow(highs, lowOf(bands.get(i)!)) + tied(i).after;
  return {
    sure: [...forced, ...others.filter((i) => others.length - 1 - after(i) < row.least)],
    possible: [...forced, ...others.filter((i) => before(i) < row.most)],
  };
}

/** How many of rising numbers are less than one, or at most that. */
function countBelow(rising: readonly number[], value: number, orEqual = false): number {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const below = orEqual ? rising[middle]! <= value : rising[middle]! < value;
    if (below) low = middle + 1;
    else high = middle;
  }
  return low;
}
