import { failuresOf, type Timing } from "../measure/contestant.js";
import type { Workload } from "../measure/data.js";
import { median as medianOf, pairedRatio, summarize } from "../measure/stats.js";
import { loadOperator, ownContestant, type Operator } from "../operators.js";
import type { Section, Table } from "../report/section.js";
import type { Context } from "./context.js";

const HEADS = 2;
const HEAD_DIM = 64;
/** Of the dense kernel's time. */
const OVERHEAD_GOAL = 0.15;
/** From this on, by pairs, the whole is to be faster than the dense kernel. */
const WORTHWHILE = 2;

interface Case {
  readonly label: string;
  readonly file: string;
  readonly name: string;
  readonly params?: Readonly<Record<string, number>> | undefined;
  /** One query at the end of the sequence, as when decoding, in place of as many as keys. */
  readonly decode?: boolean | undefined;
  /** Which go first, in place of the cheaper one. */
  readonly order?: "queries" | "keys" | undefined;
  readonly launch?: { readonly layer: number; readonly layers: number } | undefined;
}

const CASES: readonly Case[] = [
  { label: "MInference 1000, 6096", file: "patterns/probed_columns.attn", name: "minference_vertical_slash" },
  {
    label: "MInference 100, 800",
    file: "patterns/probed_columns.attn",
    name: "minference_vertical_slash",
    params: { cols: 100, diags: 800 },
  },
  { label: "MoBA 512 by 3", file: "patterns/block_means.attn", name: "moba" },
  { label: "MoBA 512 by 3, queries first", file: "patterns/block_means.attn", name: "moba", order: "queries" },
  { label: "FlexPrefill 0.9", file: "patterns/probed_columns.attn", name: "flexprefill" },
  // So few that there is something to gain on the bench's tensors.
  { label: "FlexPrefill 0.4", file: "patterns/probed_columns.attn", name: "flexprefill", params: { gamma: 0.4 } },
  {
    label: "Quest, decoding",
    file: "patterns/page_bounds.attn",
    name: "quest",
    decode: true,
    launch: { layer: 2, layers: 32 },
  },
];

/** Selections: what choosing costs beside dense attention, pass by pass, and what it gains. */
export async function selectSection(context: Context): Promise<Section> {
  const { options } = context;
  const lengths = options.lengths ?? (options.quick ? [256] : [16384]);
  const cases = CASES.filter(({ label }) => options.only === undefined || label.includes(options.only));
  const tables: Table[] = [];
  const failures: string[] = [];
  for (const length of lengths) {
    const found: Found[] = [];
    for (const each of cases) found.push(await measure(context, each, length));
    failures.push(...found.flatMap(({ timings }) => failuresOf(timings)));
    tables.push(wholeTable(length, found), passTable(length, found));
  }
  return {
    name: "select",
    title: "Selections beside the dense kernel",
    notes: [
      `${HEADS} heads, head dim ${HEAD_DIM}, f32, batch 1; queries and keys with structure: neighbours attract one another, and a few keys attract all queries.`,
      "Selection: the passes before the kernel, alone. Whole: they and the kernel. Each beside attnc's own dense causal kernel with as many queries, in turns on one device.",
      "First: which go first where queries choose blocks of keys: a tile of queries with all blocks that one of them chose, or a block with the queries that chose it. The launch counts and takes the cheaper one.",
      "By pairs: what the density reached allows without overhead. The error is that of the whole, from dense attention in float64 under the mask that the device itself selected.",
      `Goals: the selection takes at most ${OVERHEAD_GOAL * 100}% of the dense kernel's time, and the whole is faster than the dense kernel where its pairs allow ${WORTHWHILE} times its speed.`,
      "Quest is a method for decoding: one query, beside the dense kernel with one query. For all queries of a prompt its bounds alone would take longer than dense attention: two products for each pair of a query and a page.",
      "Passes: each by itself, over and over, on what all of them together left in memory. Their sum and the selection differ by what starting them costs.",
    ],
    tables,
    charts: [],
    failures,
  };
}

interface Found {
  readonly label: string;
  readonly dense: Timing;
  readonly whole: Timing;
  readonly selection: Timing;
  /** Stage by stage. */
  readonly passes: Timing;
  readonly stages: readonly string[];
  readonly timings: readonly Timing[];
}

async function measure(context: Context, { label, file, name, params, decode, order, launch }: Case, length: number): Promise<Found> {
  const { options } = context;
  const shape = { heads: HEADS, kvHeads: HEADS, headDim: HEAD_DIM };
  const workload: Workload = { heads: HEADS, headDim: HEAD_DIM, length, structured: true, ...(decode === true ? { queries: 1 } : {}) };
  const operator: Operator = loadOperator(file, name, { shape, params: params ?? {} });
  const dense = loadOperator("patterns/dense.attn", "dense_causal", { shape });
  const stages = (operator.module.selection?.stages ?? []).map((stage) => stage.name);
  // One launch of a decoding kernel is too short to be timed.
  const common = { workload, launch, repeat: decode === true ? 16 : 1 };
  const contestants = [
    ownContestant(dense, { ...common, label: `${label}: dense`, mode: "kernel" }),
    ownContestant(operator, { ...common, label: `${label}: whole`, mode: "kernel", order }),
    ownContestant(operator, { ...common, label: `${label}: selection`, mode: "selection" }),
    ownContestant(operator, { ...common, label: `${label}: passes`, mode: "passes" }),
  ];
  const device = await context.device();
  const timings = await device.time({ contestants, runs: options.runs, seconds: options.seconds });
  const [denseTiming, whole, selection, passes] = timings;
  return { label, dense: denseTiming!, whole: whole!, selection: selection!, passes: passes!, stages, timings };
}

function wholeTable(length: number, found: readonly Found[]): Table {
  return {
    title: `length ${length}`,
    columns: [
      { key: "label", title: "policy", kind: "text" },
      { key: "dense", title: "dense, ms", kind: "milliseconds" },
      { key: "selection", title: "selection, ms", kind: "milliseconds" },
      { key: "overhead", title: "of dense", kind: "percent" },
      { key: "whole", title: "whole, ms", kind: "milliseconds" },
      { key: "spread", title: "± quartile", kind: "percent" },
      { key: "density", title: "density", kind: "percent" },
      { key: "order", title: "first", kind: "text" },
      { key: "ratio", title: "faster than dense", kind: "ratio" },
      { key: "byPairs", title: "by pairs", kind: "ratio" },
      { key: "maxAbs", title: "max error", kind: "error" },
      { key: "relL2", title: "rel. L2", kind: "error" },
      { key: "verdict", title: "goals", kind: "text" },
    ],
    rows: found.map(({ label, dense, whole, selection }) => {
      if ([dense, whole, selection].some(({ times }) => times.length === 0)) return { label, verdict: "failed" };
      const overhead = 1 / pairedRatio(dense.times, selection.times);
      const ratio = pairedRatio(dense.times, whole.times);
      const byPairs = whole.density === undefined ? undefined : 1 / whole.density;
      return {
        label,
        dense: medianOf(dense.times),
        selection: medianOf(selection.times),
        overhead,
        whole: medianOf(whole.times),
        spread: summarize(whole.times).spread,
        density: whole.density,
        order: whole.order,
        ratio,
        byPairs,
        maxAbs: whole.error?.maxAbs,
        relL2: whole.error?.relL2,
        verdict: verdictOf(overhead, ratio, byPairs),
      };
    }),
  };
}

function verdictOf(overhead: number, ratio: number, byPairs: number | undefined): string {
  const cheap = overhead <= OVERHEAD_GOAL ? "selection cheap" : "selection too dear";
  if (byPairs === undefined || byPairs < WORTHWHILE) return `${cheap}; too dense to gain`;
  return `${cheap}; ${ratio > 1 ? "faster" : "slower"}`;
}

function passTable(length: number, found: readonly Found[]): Table {
  return {
    title: `passes at length ${length}`,
    columns: [
      { key: "label", title: "policy", kind: "text" },
      { key: "pass", title: "pass", kind: "text" },
      { key: "time", title: "ms", kind: "milliseconds" },
      { key: "share", title: "of dense", kind: "percent" },
    ],
    rows: found.flatMap(({ label, dense, passes, stages }) =>
      stages.map((pass, i) => {
        const times = passes.passes?.[i] ?? [];
        if (times.length === 0 || dense.times.length === 0) return { label, pass };
        return { label, pass, time: medianOf(times), share: 1 / pairedRatio(dense.times, times) };
      }),
    ),
  };
}
