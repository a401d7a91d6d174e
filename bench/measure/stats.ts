/** What the runs of one contestant say together. Milliseconds, or whatever was counted. */
export interface Summary {
  readonly runs: number;
  readonly median: number;
  readonly least: number;
  /** Half the distance between the quartiles, as a part of the median. */
  readonly spread: number;
}

/** The value below which `part` of the values lie, between neighbours in proportion. NaN of nothing. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low === undefined || high === undefined ? NaN : low + (high - low) * (at - Math.floor(at));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export function summarize(values: readonly number[]): Summary {
  const middle = median(values);
  return {
    runs: values.length,
    median: middle,
    least: values.length === 0 ? NaN : Math.min(...values),
    spread: (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / middle,
  };
}

/**
 * How many times as long `slow` took as `fast`: the median over the rounds in which both ran. Runs of one round are
 * neighbours in time, so what slows the machine for a while slows both.
 */
export function pairedRatio(slow: readonly number[], fast: readonly number[]): number {
  const rounds = Math.min(slow.length, fast.length);
  return median(Array.from({ length: rounds }, (_, i) => slow[i]! / fast[i]!));
}

/**
 * How far each row lies from the median of the rows, as a part of it: the median over the rounds, in each of which
 * all rows ran within a short time. `values[row][round]`; rounds that a row sat out do not count.
 */
export function offTheMedian(values: readonly (readonly number[])[]): readonly number[] {
  const rounds = Math.min(Infinity, ...values.map((row) => row.length).filter((length) => length > 0));
  if (rounds === Infinity) return values.map(() => NaN);
  const middles = Array.from({ length: rounds }, (_, round) => median(values.flatMap((row) => row[round] ?? [])));
  return values.map((row) => median(row.slice(0, rounds).map((value, round) => value / middles[round]! - 1)));
}
