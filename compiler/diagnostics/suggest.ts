/**
 * The candidate that a misspelled name most likely means, or undefined when none is near. Near means: at most one
 * edit in names up to 4 letters, two up to 8, three beyond, where an edit inserts, deletes, replaces or swaps two
 * neighbouring letters. Case counts for nothing, except between candidates that are as near. The first wins a tie.
 */
export function suggest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let bestScore = Infinity;
  for (const candidate of candidates) {
    if (candidate === "" || candidate === name) continue;
    const limit = allowed(Math.max(candidate.length, name.length));
    if (Math.abs(candidate.length - name.length) > limit) continue;
    const edits = distance(wanted, candidate.toLowerCase());
    // A name of which nothing is left is no misspelling of anything.
    if (edits > limit || edits >= Math.min(candidate.length, name.length)) continue;
    const score = edits + (candidate.startsWith(name.slice(0, 1)) ? 0 : 0.25);
    if (score < bestScore) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}

function allowed(length: number): number {
  return length <= 4 ? 1 : length <= 8 ? 2 : 3;
}

/** Damerau-Levenshtein distance in its restricted form: no letter takes part in two edits. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1);
      row.push(least);
    }
    before = above;
    above = row;
  }
  return above[b.length]!;
}
