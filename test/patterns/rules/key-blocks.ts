import { blocksOf, dot, meanVector, range, topPlaces, type Vectors } from "./tensors.js";

/**
 * MoBA: the gate of a query at position i is its product with the mean key of each block, unscaled; blocks behind its
 * own have -Infinity, its own has +Infinity, and the best n, the own one among them, are kept.
 */
export function mobaBlocks(query: readonly number[], k: Vectors, i: number, block: number, n: number): Set<number> {
  const own = Math.floor(i / block);
  const gate = range(blocksOf(k.length, block)).map((b) => {
    if (b > own) return -Infinity;
    return b === own ? Infinity : dot(query, meanVector(k, b * block, (b + 1) * block));
  });
  return topPlaces(gate, n);
}

/** Quest: for each channel the greater of two products: with the least and with the greatest key of the page. */
export function boundOfKeys(query: readonly number[], keys: Vectors): number {
  return query.reduce((bound, x, c) => {
    const channel = keys.map((key) => key[c]!);
    return bound + Math.max(x * Math.min(...channel), x * Math.max(...channel));
  }, 0);
}

/** Quest: the page's bound; at least 3 pages, as many as the budget of tokens has. */
export function questPages(query: readonly number[], k: Vectors, i: number, page: number, budget: number): Set<number> {
  const bounds = range(Math.floor(i / page) + 1).map((b) => boundOfKeys(query, k.slice(b * page, (b + 1) * page)));
  return topPlaces(bounds, Math.max(3, Math.floor(budget / page)));
}

/** LServe: the greatest bound of a page's sub-pages; the newest page takes one place of the budget. */
export function lservePages(query: readonly number[], k: Vectors, i: number, budget: number, page = 64, subpage = 16): Set<number> {
  const newest = Math.floor(i / page);
  const bounds = range(newest + 1).map((b) => {
    const keys = k.slice(b * page, (b + 1) * page);
    return Math.max(...range(blocksOf(keys.length, subpage)).map((s) => boundOfKeys(query, keys.slice(s * subpage, (s + 1) * subpage))));
  });
  const older = topPlaces(bounds.slice(0, newest), Math.floor(budget / page) - 1);
  return older.add(newest);
}

/** TokenSelect: the votes are summed; the best n of the tokens that are neither first nor last come beside these. */
export function votedTokens(votes: readonly number[], n: number, sink: number, recent: number): Set<number> {
  const always = (j: number): boolean => j < sink || j >= votes.length - recent;
  const chosen = topPlaces(
    votes.map((vote, j) => (always(j) ? -Infinity : vote)),
    n,
  );
  return new Set(range(votes.length).filter((j) => always(j) || chosen.has(j)));
}
