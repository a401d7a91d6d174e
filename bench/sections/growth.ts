import { failuresOf } from "../measure/contestant.js";
import { median as medianOf, offTheMedian, summarize } from "../measure/stats.js";
import { loadOperator, ownContestant } from "../operators.js";
import type { Section, Table } from "../report/section.js";
import type { Context } from "./context.js";

const HEADS = 2;
const HEAD_DIM = 64;
/** Queries in one submission at least: a short sequence is launched several times, so that no launch is too short to be timed. */
const QUERIES = 16384;
const GOAL = 0.1;

/** Windows that are small beside the shortest sequence: where many rows have fewer keys than the window, time is not flat. */
const CASES = [
  { label: "window 256", file: "patterns/windows.attn", name: "sliding_window", params: { window: 256 } },
  { label: "A-shape 64 + 256", file: "patterns/streaming.attn", name: "streaming_llm", params: { sink: 64, window: 256 } },
] as const;

/** Time per query as the sequence grows: flat where a query sees as many keys at every length. */
export async function growthSection(context: Context): Promise<Section> {
  const { options } = context;
  const lengths = options.lengths ?? (options.quick ? [256, 512] : [1024, 2048, 4096, 8192, 16384, 32768, 65536]);
  const cases = CASES.filter(({ label }) => options.only === undefined || label.includes(options.only));
  const device = await context.device();
  const tables: Table[] = [];
  const failures: string[] = [];
  const series: { label: string; points: [number, number][] }[] = [];
  for (const { label, file, name, params } of cases) {
    const operator = loadOperator(file, name, { shape: { heads: HEADS, headDim: HEAD_DIM }, params });
    const contestants = lengths.map((length) =>
      ownContestant(operator, {
        label: `${label}, ${length}`,
        mode: "kernel",
        workload: { heads: HEADS, headDim: HEAD_DIM, length },
        repeat: Math.max(1, Math.ceil(QUERIES / length)),
        variant: options.variant,
      }),
    );
    const timings = await device.time({ contestants, runs: options.runs, seconds: options.seconds });
    failures.push(...failuresOf(timings));
    const perQuery = timings.map(({ times }, i) => times.map((time) => (time * 1e6) / lengths[i]! / HEADS));
    const off = offTheMedian(perQuery);
    const window = Object.values(params).reduce((sum, value) => sum + value, 0);
    tables.push({
      title: `${label}; goal: within ${GOAL * 100}% of flat`,
      columns: [
        { key: "length", title: "length", kind: "count" },
        { key: "milliseconds", title: "ms, median", kind: "milliseconds" },
        { key: "perQuery", title: "ns per query and head", kind: "text" },
        { key: "spread", title: "± quartile", kind: "percent" },
        { key: "deviation", title: "off the median", kind: "percent" },
        { key: "keys", title: "keys per query", kind: "text" },
        { key: "perKey", title: "ns per key", kind: "text" },
        { key: "maxAbs", title: "max error", kind: "error" },
        { key: "relL2", title: "rel. L2", kind: "error" },
        { key: "note", title: "kernel", kind: "text" },
      ],
      rows: timings.map((timing, i) => {
        const { median, spread } = summarize(perQuery[i]!);
        // The first queries have fewer keys before them: all but the first `window` have that many.
        const full = Math.min(lengths[i]!, window);
        const keys = ((full * (full + 1)) / 2 + (lengths[i]! - full) * window) / lengths[i]!;
        return {
          length: lengths[i],
          milliseconds: summarize(timing.times).median,
          perQuery: median,
          spread,
          deviation: off[i],
          keys,
          perKey: median / keys,
          ...timing.error,
          note: timing.failure ?? timing.kernel?.name,
        };
      }),
    });
    series.push({ label, points: perQuery.map((values, i) => [lengths[i]!, medianOf(values)]) });
  }
  return {
    name: "growth",
    title: "Growth with the length",
    notes: [
      `${HEADS} heads, head dim ${HEAD_DIM}, f32, batch 1; the kernel alone; all lengths of a pattern in turns on one device.`,
      `Short sequences are launched so often in one submission that it has ${QUERIES} queries a head.`,
      "Off the median: the time per query of a length over the median of all lengths of the same round, less 1, the median over the rounds. A query near the start has fewer keys before it, so a short sequence has fewer keys per query.",
    ],
    tables,
    charts: [
      {
        kind: "lines",
        title: "time per query and head",
        xTitle: "length",
        yTitle: "ns",
        series: series.map(({ label, points }) => ({ label, points: points.filter(([, y]) => !Number.isNaN(y)) })),
      },
    ],
    failures,
  };
}
