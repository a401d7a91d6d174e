/** One that is timed: `time` gives the milliseconds of a run. */
export interface Entrant {
  readonly name: string;
  time(): Promise<number>;
}

/** Where a race stands, after each run. */
export interface RaceStep {
  readonly name: string;
  /** Milliseconds of its runs so far. */
  readonly times: readonly number[];
  /** Runs that are over, counting those that entrants who dropped out need not do any more. */
  readonly done: number;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/**
 * Whether times are clearly worse than the best: every run more than twice as long, or, after three runs,
 * every run slower than the slowest of the best. A single run tells nothing: it may have been disturbed.
 * Three times of equal kernels seldom fall so, and dropping one of two equal kernels costs nothing.
 */
export function clearlySlower(times: readonly number[], best: readonly number[]): boolean {
  const fastest = Math.min(...times);
  if (times.length >= 2 && fastest > 2 * median(best)) return true;
  return times.length >= 3 && fastest > Math.max(...best);
}

/**
 * Times entrants in turns, so that a change of the machine's speed meets all of them, and drops those
 * that are clearly slower. Gives the times of each, in the order of the entrants.
 */
export async function race(
  entrants: readonly Entrant[],
  rounds: number,
  onStep: (step: RaceStep) => void = () => undefined,
): Promise<readonly (readonly number[])[]> {
  const times: number[][] = entrants.map(() => []);
  let running = entrants.map((_, i) => i);
  let done = 0;
  for (let round = 1; round <= rounds; round++) {
    for (const i of running) {
      times[i]!.push(await entrants[i]!.time());
      onStep({ name: entrants[i]!.name, times: times[i]!, done: ++done });
    }
    const best = running.map((i) => times[i]!).reduce((a, b) => (median(b) < median(a) ? b : a));
    const staying = running.filter((i) => times[i] === best || !clearlySlower(times[i]!, best));
    done += (running.length - staying.length) * (rounds - round);
    running = staying;
  }
  return times;
}
