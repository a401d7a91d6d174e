import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import { failuresOf, type Timing } from "../measure/contestant.js";
import { pairedRatio, summarize } from "../measure/stats.js";
import { countWork } from "../measure/tiles.js";
import { loadOperator, ownContestant, type Operator } from "../operators.js";
import type { Section, Table } from "../report/section.js";
import type { Context } from "./context.js";

const HEADS = 8;
const HEAD_DIM = 64;

interface Case {
  readonly label: string;
  readonly file: string;
  readonly name: string;
  readonly params: (length: number) => Readonly<Record<string, number>>;
  /** The dense kernel it is compared with. */
  readonly dense: "causal" | "full";
  /** The part of what the pairs allow that the speed-up wants to reach. */
  readonly goal: number;
}

const DENSE = [
  { label: "dense causal", file: "patterns/dense.attn", name: "dense_causal" },
  { label: "dense full", file: "patterns/dense.attn", name: "dense" },
] as const;

/** Of what the visited tiles allow. */
const TILE_GOAL = 0.95;

/** Of the image of so many points that is nearest to a square. */
function shorterSide(points: number): number {
  let side = Math.floor(Math.sqrt(points));
  while (points % side !== 0) side--;
  return side;
}

const CASES: readonly Case[] = [
  {
    label: "window 256",
    file: "patterns/windows.attn",
    name: "sliding_window",
    params: () => ({ window: 256 }),
    dense: "causal",
    goal: 0.9,
  },
  {
    label: "A-shape 64 + 512",
    file: "patterns/streaming.attn",
    name: "streaming_llm",
    params: () => ({ sink: 64, window: 512 }),
    dense: "causal",
    goal: 0.9,
  },
  {
    label: "S2 (64, 16, 8)",
    file: "patterns/strided_shards.attn",
    name: "s2_heads",
    params: () => ({ block: 64, local: 16, stride: 8, first_dense: HEADS }),
    dense: "causal",
    goal: 0.9,
  },
  { label: "prefix 256", file: "patterns/documents.attn", name: "prefix_lm", params: () => ({ prefix: 256 }), dense: "full", goal: 0.9 },
  {
    label: "neighborhood 256, stride 64",
    file: "patterns/neighborhood.attn",
    name: "neighborhood_1d",
    params: (length) => ({ length, window: Math.min(256, length), stride: 64 }),
    dense: "full",
    goal: 0.9,
  },
  {
    label: "neighborhood 16 x 16 in tiles",
    file: "bench/patterns/dense.attn",
    name: "neighborhood_tiles",
    params: (length) => {
      const height = shorterSide(length);
      return { height, width: length / height, window: Math.min(16, height) };
    },
    dense: "full",
    goal: 0.9,
  },
  {
    label: "dilated 256 by 2",
    file: "patterns/windows.attn",
    name: "dilated_window",
    params: () => ({ window: 256, dilation: 2 }),
    dense: "causal",
    goal: 0.8,
  },
  {
    label: "dilated 1024 by 4",
    file: "patterns/windows.attn",
    name: "dilated_window",
    params: () => ({ window: 1024, dilation: 4 }),
    dense: "causal",
    goal: 0.8,
  },
  {
    label: "dilated 1024 by 4, no layout",
    file: "bench/patterns/dense.attn",
    name: "dilated_in_order",
    params: () => ({ window: 1024, dilation: 4 }),
    dense: "causal",
    goal: 0.8,
  },
  {
    label: "power, blocks of 64",
    file: "patterns/power.attn",
    name: "power",
    params: () => ({ block: 64, window: 4, sink: 1 }),
    dense: "causal",
    goal: 0.8,
  },
];

/** Patterns beside attnc's own dense kernels: what leaving pairs out gains, and what it could gain. */
export async function denseSection(context: Context): Promise<Section> {
  const { options } = context;
  const lengths = options.lengths ?? (options.quick ? [256] : [4096]);
  const cases = CASES.filter(({ label }) => options.only === undefined || label.includes(options.only));
  const tables: Table[] = [];
  const groups: { label: string; values: (number | undefined)[] }[] = [];
  const failures: string[] = [];
  for (const length of lengths) {
    const { rows, timings } = await measure(context, cases, length);
    failures.push(...failuresOf(timings));
    tables.push(tableOf(length, rows));
    const bars = rows.slice(DENSE.length).map(({ label, ratio, byPairs, byTiles }) => ({
      label: lengths.length > 1 ? `${label}, ${length}` : label,
      values: [ratio, byTiles, byPairs],
    }));
    groups.push(...bars);
  }
  return {
    name: "dense",
    title: "Patterns beside the dense kernel",
    notes: [
      `${HEADS} heads, head dim ${HEAD_DIM}, f32, batch 1; the kernel alone; all rows and both dense kernels in turns on one device.`,
      "A sparse kernel is launched as often in one submission as makes up a causal one, so that what a submission takes besides does not count against it.",
      "Each row is compared with attnc's own dense kernel of the same space: causal, or full. A neighborhood and a prefix have pairs after the query, so theirs is the full one.",
      "By pairs: pairs of the dense mask over pairs of the pattern, what a kernel without overhead would gain. By tiles: the same of the pairs in the tiles that each kernel visits; a tile costs the same however many of its pairs are looked at. Tiles are those of the layout, where an operator has one.",
      `Goals: the part reached of what the pairs allow, and ${TILE_GOAL} of what the tiles allow.`,
    ],
    tables,
    charts: [{ kind: "bars", title: "times as fast as the dense kernel", unit: "x", series: ["measured", "by tiles", "by pairs"], groups }],
    failures,
  };
}

interface Row {
  readonly label: string;
  readonly median: number;
  readonly spread: number;
  readonly runs: number;
  readonly ratio: number | undefined;
  readonly byPairs: number | undefined;
  readonly byTiles: number | undefined;
  readonly ofPairs: number | undefined;
  readonly ofTiles: number | undefined;
  readonly goal: string;
  readonly maxAbs: number | undefined;
  readonly relL2: number | undefined;
  readonly note: string;
}

async function measure(
  context: Context,
  cases: readonly Case[],
  length: number,
): Promise<{ readonly rows: readonly Row[]; readonly timings: readonly Timing[] }> {
  const { options, progress } = context;
  const shape = { heads: HEADS, kvHeads: HEADS, headDim: HEAD_DIM };
  const workload = { heads: HEADS, headDim: HEAD_DIM, length };
  const operators = [
    ...DENSE.map(({ label, file, name }) => ({ label, operator: loadOperator(file, name, { shape }) })),
    ...cases.map(({ label, file, name, params }) => ({ label, operator: loadOperator(file, name, { shape, params: params(length) }) })),
  ];
  const device = await context.device();
  const env: MaskEnv = { N: length, NQ: length, heads: HEADS, kvHeads: HEADS, layer: 0, layers: 1, step: 0, steps: 1, phase: 0 };
  const contestants = operators.map(({ label, operator }) => {
    const repeat = Math.max(1, Math.round((length * length) / pairsOf(operator, env) / 2));
    return ownContestant(operator, { label, mode: "kernel", workload, variant: options.variant, repeat });
  });
  const timings = await device.time({ contestants, runs: options.runs, seconds: options.seconds });

  const work = (operator: Operator, { kernel }: Timing) =>
    countWork(operator.mask, withDefaults(env, operator), kernel ?? { tileQ: 32, tileK: 32 });
  const dense = DENSE.map((_, i) => ({ timing: timings[i]!, work: work(operators[i]!.operator, timings[i]!) }));
  const rows = timings.map((timing, i): Row => {
    const { label, operator } = operators[i]!;
    const { median, spread, runs } = summarize(timing.times);
    const note = timing.failure ?? timing.kernel?.name ?? "";
    const common = { label, median, spread, runs, maxAbs: timing.error?.maxAbs, relL2: timing.error?.relL2, note };
    const nothing = { ratio: undefined, byPairs: undefined, byTiles: undefined, ofPairs: undefined, ofTiles: undefined, goal: "" };
    if (i < DENSE.length) return { ...common, ...nothing };
    progress(`${label}: counting pairs`);
    const { dense: space, goal } = cases[i - DENSE.length]!;
    const base = dense[space === "causal" ? 0 : 1]!;
    const own = work(operator, timing);
    const byPairs = base.work.pairs / own.pairs;
    const byTiles = base.work.visitedPairs / own.visitedPairs;
    if (timing.times.length === 0 || base.timing.times.length === 0) return { ...common, ...nothing, byPairs, byTiles };
    const ratio = pairedRatio(base.timing.times, timing.times);
    return { ...common, ratio, byPairs, byTiles, ofPairs: ratio / byPairs, ofTiles: ratio / byTiles, goal: `${goal} and ${TILE_GOAL}` };
  });
  return { rows, timings };
}

/** Pairs that a head looks at in the mean. */
const pairsOf = (operator: Operator, env: MaskEnv): number =>
  countWork(operator.mask, withDefaults(env, operator), { tileQ: 64, tileK: 64 }).pairs / env.heads;

const withDefaults = (env: MaskEnv, { module }: Operator): MaskEnv => ({
  ...env,
  params: Object.fromEntries(module.params.map((param) => [param.name, param.default ?? 0])),
});

function tableOf(length: number, rows: readonly Row[]): Table {
  return {
    title: `length ${length}`,
    columns: [
      { key: "label", title: "pattern", kind: "text" },
      { key: "median", title: "ms, median", kind: "milliseconds" },
      { key: "spread", title: "± quartile", kind: "percent" },
      { key: "runs", title: "runs", kind: "count" },
      { key: "maxAbs", title: "max error", kind: "error" },
      { key: "relL2", title: "rel. L2", kind: "error" },
      { key: "ratio", title: "faster than dense", kind: "ratio" },
      { key: "byPairs", title: "by pairs", kind: "ratio" },
      { key: "byTiles", title: "by tiles", kind: "ratio" },
      { key: "ofPairs", title: "of pairs", kind: "percent" },
      { key: "ofTiles", title: "of tiles", kind: "percent" },
      { key: "goal", title: "goals", kind: "text" },
      { key: "note", title: "kernel", kind: "text" },
    ],
    rows: rows.map((row) => ({ ...row })),
  };
}
