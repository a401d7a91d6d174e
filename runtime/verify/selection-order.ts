import { highOf, isExact, ranksBefore, scoreBands, type Band } from "./selection-bands.js";
import type { ExpectedOrder } from "./selection-expected.js";

/** What is wrong at a place of an order. */
export interface OrderFault {
  readonly problem: string;
  readonly place: number;
}

/** Places of which the least and the greatest position stand behind the order. */
const GROUP = 32;

/** Rows of an order's matrix, which are words. */
export const orderRows = (length: number): number => length + 2 * Math.ceil(length / GROUP);

/**
 * What is wrong with the order that a device made for a batch entry and head; undefined where nothing is. Each segment has its
 * positions once, and none stands before one that surely has the higher score: scores closer than their rounding may be
 * swapped. `word` gives the rows of its matrix.
 */
export function orderFault(expected: ExpectedOrder, b: number, h: number, word: (row: number) => number): OrderFault | undefined {
  const head = expected.scoresOf(b, h);
  const { length } = head.scores[0]!;
  for (let first = 0; first < length; first += expected.segment) {
    const end = Math.min(first + expected.segment, length);
    const all = Array.from({ length: end - first }, (_, i) => first + i);
    const fault = segmentFault(scoreBands(head, all), first, word);
    if (fault !== undefined) return fault;
  }
  return endsFault(length, word);
}

/** What is wrong with an order that is determined place by place. */
export function exactFault(values: readonly number[], word: (row: number) => number): OrderFault | undefined {
  const place = values.findIndex((value, i) => word(i) !== value);
  if (place >= 0) return { problem: `has ${word(place)}, not ${values[place]}`, place };
  return endsFault(values.length, word);
}

/** The least and the greatest of each group of places stand behind them. */
function endsFault(length: number, word: (row: number) => number): OrderFault | undefined {
  for (let first = 0; first < length; first += GROUP) {
    const own = Array.from({ length: Math.min(GROUP, length - first) }, (_, i) => word(first + i));
    const row = length + (2 * first) / GROUP;
    if (word(row) !== Math.min(...own) || word(row + 1) !== Math.max(...own))
      return { problem: `says of places ${first} on that they hold ${word(row)} to ${word(row + 1)}`, place: first };
  }
  return undefined;
}

function segmentFault(bands: readonly Band[], first: number, word: (row: number) => number): OrderFault | undefined {
  const seen = new Set<number>();
  // Of the keys so far the one whose score is the least at most.
  let weakest: number | undefined;
  for (let i = 0; i < bands.length; i++) {
    const place = first + i;
    const key = word(place) - first;
    if (!(key >= 0 && key < bands.length) || seen.has(key))
      return { problem: `has position ${word(place)}, which another segment has or which stood before`, place };
    seen.add(key);
    if (weakest !== undefined && ranksBefore(bands[key]!, key, bands[weakest]!, weakest))
      return { problem: `has position ${first + weakest} before ${first + key}, which ranks higher`, place };
    if (weakest === undefined || isWeaker(bands, key, weakest)) weakest = key;
  }
  return undefined;
}

/** By the upper ends of their bands; of exact ties the later one. */
function isWeaker(bands: readonly Band[], i: number, than: number): boolean {
  const [a, b] = [bands[i]!, bands[than]!];
  if (highOf(a) !== highOf(b)) return highOf(a) < highOf(b);
  return isExact(a) && (!isExact(b) || i > than);
}
