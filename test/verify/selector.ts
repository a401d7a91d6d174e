import type { ExpectedHead, ExpectedSelection } from "../../runtime/verify/selection-expected.js";
import type { MadeBits, SelectionSizes } from "../../runtime/verify/selection.js";

/** What a selector may get wrong. */
export interface SelectorFaults {
  /** Ties go to the higher index. */
  readonly tiesLast?: boolean;
  readonly noForced?: boolean;
  /** Forced units are kept besides, although the budget counts them. */
  readonly forcedOnTop?: boolean;
  readonly budgetMore?: number;
  /** The prefix ends before the mass is reached. */
  readonly oneFewer?: boolean;
  readonly oneMore?: boolean;
  readonly nanFirst?: boolean;
  readonly ignoresCandidates?: boolean;
  readonly strictThreshold?: boolean;
  readonly ascending?: boolean;
  readonly perRow?: boolean;
  readonly noBounds?: boolean;
  readonly tilesLost?: boolean;
}

/**
 * A selector of another build than the oracle's, on the scores of one of its float32 computations: what a device does,
 * and what it may do wrong.
 */
export function makeBits(expected: ExpectedSelection, sizes: SelectionSizes, faults: SelectorFaults = {}, way = 1): MadeBits {
  const { rows, columns, bitsOf } = expected.matrix;
  const perRow = Math.ceil(columns / 32);
  const words = new Uint32Array(sizes.batch * sizes.heads * rows * perRow);
  for (let b = 0; b < sizes.batch; b++) {
    for (let h = 0; h < sizes.heads; h++) {
      const head = expected.select(b, h);
      keptOf(head, faults, way).forEach((kept, place) => {
        if (!kept) return;
        const bits = bitsOf(Math.floor(place / head.columns), place % head.columns);
        for (const [row, column] of faults.tilesLost ? bits.slice(0, 1) : bits)
          words[((b * sizes.heads + h) * rows + row) * perRow + (column >> 5)]! |= 1 << (column & 31);
      });
    }
  }
  return { batch: sizes.batch, heads: sizes.heads, rows, columns, words };
}

function keptOf(head: ExpectedHead, faults: SelectorFaults, way: number): boolean[] {
  const { rows, columns, candidates, rule } = head;
  const scores = Float32Array.from(head.scores[way]!);
  const forced = faults.noForced ? new Uint8Array(candidates.length) : head.forced;
  const kept: boolean[] = Array.from({ length: rows * columns }, () => false);
  const whole = head.scope === "head" && !faults.perRow;
  for (let row = 0; row < (whole ? 1 : rows); row++) {
    const places = Array.from({ length: whole ? rows * columns : columns }, (_, i) => row * columns + i);
    const present = places.filter((i) => faults.ignoresCandidates || candidates[i] === 1);
    const own = present.filter((i) => forced[i] === 1);
    const rank = (i: number): number => (Number.isNaN(scores[i]!) ? (faults.nanFirst ? Infinity : -Infinity) : scores[i]!);
    const others = present.filter((i) => forced[i] !== 1);
    others.sort((i, j) => {
      const by = rank(i) === rank(j) ? 0 : rank(i) > rank(j) ? -1 : 1;
      return (faults.ascending ? -by : by) || (faults.tiesLast ? j - i : i - j);
    });
    const onTop = rule.onTop || faults.forcedOnTop === true;
    const base = onTop ? 0 : own.length;
    const counted = onTop ? others : present;
    let count = 0;
    if (rule.rule === "top") count = rule.amount - base;
    if (rule.rule === "fraction") count = Math.ceil(Math.fround(Math.fround(rule.amount) * counted.length)) - base;
    if (rule.rule === "threshold")
      count = others.filter((i) => (faults.strictThreshold ? scores[i]! > rule.amount : scores[i]! >= rule.amount)).length;
    if (rule.rule === "top_p") {
      const mass = (i: number): number => (scores[i]! > 0 ? scores[i]! : 0);
      // Pairs of neighbours first: another order of sums.
      const sum = (list: readonly number[]): number => {
        if (list.length <= 1) return list.length === 0 ? 0 : mass(list[0]!);
        const middle = list.length >> 1;
        return Math.fround(sum(list.slice(0, middle)) + sum(list.slice(middle)));
      };
      const wanted = Math.fround(Math.fround(rule.amount) * sum(counted));
      const start = onTop ? [] : own;
      while (count < others.length && sum([...start, ...others.slice(0, count)]) < wanted) count++;
    }
    count += (faults.budgetMore ?? 0) + (faults.oneMore ? 1 : 0) - (faults.oneFewer ? 1 : 0);
    const total = faults.noBounds ? base + count : Math.min(rule.most ?? Infinity, Math.max(rule.least ?? 0, base + count));
    for (const i of own) kept[i] = true;
    for (const i of others.slice(0, Math.max(0, total - base))) kept[i] = true;
  }
  return kept;
}
