import type { Diagnostic } from "../diagnostics/diagnostic.js";
import type { KernelVariant } from "../../runtime/launch/module.js";
import type { CaseResult } from "../../runtime/verify/operator.js";
import { caseFailure, caseJson } from "./verify-report.js";
import type { VariantTiming } from "../../runtime/launch/tune/tune.js";

/** The schedules of an operator at one length. */
export interface LengthResult {
  readonly seq: number;
  readonly queries: number;
  /** The fastest at this length. */
  readonly winner: string;
  readonly timings: readonly VariantTiming[];
}

/** What came of one operator: its times and the schedule to remember, or why it could not be measured. */
export interface TunedOperator {
  readonly file: string;
  readonly name: string;
  /** `f32, 8 heads, dim 64` */
  readonly shape: Readonly<Record<string, string | number>>;
  readonly variants: readonly KernelVariant[];
  readonly winner?: string | undefined;
  readonly lengths: readonly LengthResult[];
  readonly error?: Diagnostic | undefined;
  /** The cases in which the fastest schedule is not dense attention; absent where there are none. */
  readonly wrong?: readonly CaseResult[] | undefined;
}

/**
 * The schedule with the least times over all lengths: by the geometric mean of its times over those of the
 * fastest at each length. Of those that were timed at every length; where none was, the winner of the last.
 */
export function overallWinner(lengths: readonly LengthResult[]): string {
  const penalty = new Map<string, number>();
  for (const { variant } of lengths[0]!.timings) {
    const ratios = lengths.map(({ winner, timings }) => timeOf(timings, variant) / timeOf(timings, winner));
    if (ratios.every(Number.isFinite))
      penalty.set(
        variant,
        ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0),
      );
  }
  if (penalty.size === 0) return lengths.at(-1)!.winner;
  return [...penalty].reduce((a, b) => (b[1] < a[1] ? b : a))[0];
}

const timeOf = (timings: readonly VariantTiming[], name: string): number =>
  timings.find(({ variant }) => variant === name)?.milliseconds ?? Infinity;

/** The results as `--format json` prints them. */
export function tuneJson(device: string, results: readonly TunedOperator[]): unknown {
  return {
    version: 1,
    device,
    results: results.map(({ file, name, shape, variants, winner, lengths, error, wrong }) => ({
      file,
      name,
      ...shape,
      ...(winner === undefined ? {} : { winner }),
      lengths: lengths.map((length) => ({
        seq: length.seq,
        queries: length.queries,
        winner: length.winner,
        schedules: length.timings.map((timing) => scheduleJson(timing, length, variants)),
      })),
      ...(wrong === undefined ? {} : { wrong: wrong.map(caseJson) }),
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message, hint: error.hint ?? null } }),
    })),
  };
}

function scheduleJson(
  { variant, milliseconds, spread, runs, skipped }: VariantTiming,
  length: LengthResult,
  variants: readonly KernelVariant[],
) {
  const { tileQ, tileK, threads } = variants.find(({ name }) => name === variant)!;
  const times = milliseconds === undefined ? {} : { milliseconds, spread, relative: milliseconds / timeOf(length.timings, length.winner) };
  return { name: variant, tileQ, tileK, threads, runs, ...times, ...(skipped === undefined ? {} : { skipped }) };
}

/** A table for each length, fastest first; `*` marks the schedule that is remembered. */
export function tuneText(result: TunedOperator): string {
  const { name, error, winner, lengths, variants, wrong } = result;
  if (error !== undefined) {
    const hint = error.hint === undefined ? [] : [`     hint: ${error.hint}`];
    return [`FAIL ${name} (${shapeText(result.shape)}) ${error.code}: ${error.message}`, ...hint].join("\n");
  }
  const tables = lengths.flatMap((length) => {
    const title = `${name}: ${length.queries} queries x ${length.seq} keys; ${shapeText(result.shape)}`;
    const order = (timing: VariantTiming): number => timing.milliseconds ?? Infinity;
    const timings = [...length.timings].sort((a, b) => (order(a) === order(b) ? 0 : order(a) - order(b)));
    return [title, ...table(timings, length, variants, winner), ""];
  });
  if (wrong !== undefined)
    return [
      ...tables,
      `FAIL ${name}: nothing is remembered, the fastest schedule computes wrong results`,
      ...wrong.slice(0, 3).map(caseFailure),
    ].join("\n");
  const everywhere = lengths.length === 1 || lengths.every((length) => length.winner === winner);
  const why = everywhere ? "" : `, the best over ${lengths.length} lengths`;
  return [...tables, `${name}: remembered ${winner}${why}`].join("\n");
}

function shapeText({ dtype, heads, kvHeads, headDim, valueDim, batch }: TunedOperator["shape"]): string {
  const counts = heads === kvHeads ? `${heads} heads` : `${heads} heads over ${kvHeads}`;
  const dims = headDim === valueDim ? `dim ${headDim}` : `dims ${headDim} and ${valueDim}`;
  return `${counts}, ${dims}, ${dtype}${batch === 1 ? "" : `, batch ${batch}`}`;
}

function table(
  timings: readonly VariantTiming[],
  length: LengthResult,
  variants: readonly KernelVariant[],
  remembered: string | undefined,
): readonly string[] {
  const best = timeOf(length.timings, length.winner);
  const rows = timings.map(({ variant, milliseconds, spread, skipped }) => {
    const { tileQ, tileK, threads } = variants.find((each) => each.name === variant)!;
    const times =
      milliseconds === undefined ? ["-", "-", "-"] : [milliseconds.toFixed(3), spread!.toFixed(3), (milliseconds / best).toFixed(2)];
    return { cells: [variant, `${tileQ} x ${tileK}`, String(threads), ...times], mark: variant === remembered ? "*" : " ", note: skipped };
  });
  const head = ["schedule", "tiles", "threads", "ms", "spread", "relative"];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map(({ cells }) => cells[i]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  return [
    `  ${line(head)}`,
    ...rows.flatMap(({ cells, mark, note }) => [`${mark} ${line(cells)}`, ...(note === undefined ? [] : [`    skipped: ${note}`])]),
  ];
}
