import type { Contestant, PeerMask, Timing } from "../measure/contestant.js";
import { failuresOf, isWrong, MODES, PEER_OPERATORS, WRONG } from "../measure/contestant.js";
import { pairedRatio, summarize } from "../measure/stats.js";
import { loadOperator, ownContestant } from "../operators.js";
import type { Chart, Section, Table } from "../report/section.js";
import type { Context } from "./context.js";

const HEADS = 8;
const HEAD_DIM = 64;
const WINDOW = 256;
type DuelMode = (typeof MODES)[number];

const MODE_TITLES: Record<DuelMode, string> = { kernel: "kernel alone", transfers: "with transfers" };

interface Duel {
  readonly title: string;
  readonly mask: PeerMask;
  readonly name: "causal" | "window";
  /** How many times as fast as the peer's own operator for this mask attnc wants to be. */
  readonly goal: number;
  /** The peer's own operator for this mask. */
  readonly rival: (typeof PEER_OPERATORS)[number];
}

const DUELS: readonly Duel[] = [
  { title: "causal", mask: { kind: "causal" }, name: "causal", goal: 3, rival: "GroupQueryAttention" },
  { title: `window ${WINDOW}`, mask: { kind: "window", window: WINDOW }, name: "window", goal: 30, rival: "GroupQueryAttention" },
];

/** attnc beside onnxruntime-web: every operator of the peer that can compute the same, in turns. */
export async function peerSection(context: Context): Promise<Section> {
  const { options } = context;
  const lengths = options.lengths ?? (options.quick ? [128] : [1024, 2048, 4096]);
  const device = await context.device();
  const tables: Table[] = [];
  const groups: { label: string; values: (number | undefined)[] }[] = [];
  const failures: string[] = [];
  for (const length of lengths) {
    for (const duel of DUELS) {
      if (options.only !== undefined && !duel.title.includes(options.only)) continue;
      const timings = await device.time({ contestants: contestants(duel, length, context), runs: options.runs, seconds: options.seconds });
      tables.push(duelTable(duel, length, timings));
      failures.push(...failuresOf(timings.filter(({ label }) => label.startsWith("attnc"))));
      groups.push({ label: `${duel.title}, ${length}`, values: [ratioToRival(duel, timings), ratioToBest(timings)] });
    }
  }
  const chart: Chart = {
    kind: "bars",
    title: "times as fast as onnxruntime-web, kernel alone",
    unit: "x",
    series: ["its operator for the mask", "its fastest right one"],
    groups,
  };
  return {
    name: "peer",
    title: "Beside onnxruntime-web (WebGPU)",
    notes: [
      `${HEADS} heads, head dim ${HEAD_DIM}, f32, batch 1; one process, one device, one run of each in turns after a warm-up.`,
      "Kernel alone: tensors in GPU buffers on both sides, from submission to completion. With transfers: arrays in, array out.",
      "The peer takes and gives [length, heads, dim], attnc [heads, length, dim]; neither is timed while it converts.",
      "GroupQueryAttention is causal, and has a window as an attribute; it also writes the keys and values of a cache. MultiHeadAttention is told `unidirectional`, or gets the mask as a bias that is added to the scores.",
      "The device is made without subgroups: the peer's flash attention is wrong where they are as small as 4.",
      `Error: distance from dense attention in float64 on sampled rows. A row is called wrong where the relative L2 error is above ${WRONG}.`,
      "Times as fast: the peer's time over attnc's in the same mode, the median over the rounds.",
    ],
    tables,
    charts: [chart],
    failures,
  };
}

function contestants(duel: Duel, length: number, { options }: Context): Contestant[] {
  const workload = { heads: HEADS, headDim: HEAD_DIM, length };
  const params: Record<string, number> = duel.mask.kind === "window" ? { window: duel.mask.window } : {};
  const operator = loadOperator("bench/patterns/peer.attn", duel.name, { params, shape: { heads: HEADS, headDim: HEAD_DIM } });
  return MODES.filter((mode) => options.mode === undefined || options.mode === mode).flatMap((mode) => [
    ownContestant(operator, { label: label("attnc", mode), mode, workload, variant: options.variant }),
    ...PEER_OPERATORS.filter((name) => name !== "MultiHeadAttention" || duel.mask.kind === "causal").map((name): Contestant => {
      return { kind: "peer", label: label(name, mode), mode, workload, operator: name, mask: duel.mask };
    }),
  ]);
}

const label = (who: string, mode: DuelMode): string => `${who}, ${MODE_TITLES[mode]}`;

function duelTable(duel: Duel, length: number, timings: readonly Timing[]): Table {
  const own = (mode: DuelMode): Timing => timings.find((timing) => timing.label === label("attnc", mode))!;
  const rows = MODES.flatMap((mode) =>
    timings
      .filter((timing) => timing.label.endsWith(MODE_TITLES[mode]))
      .map((timing) => {
        const who = timing.label.slice(0, -MODE_TITLES[mode].length - 2);
        const { median, least, spread, runs } = summarize(timing.times);
        const ratio = timing.times.length > 0 && who !== "attnc" ? pairedRatio(timing.times, own(mode).times) : undefined;
        const goal = who === duel.rival ? `at least ${duel.goal}x` : "";
        const note = timing.failure ?? (isWrong(timing) ? "WRONG RESULT" : (timing.kernel?.name ?? ""));
        return { who, mode: MODE_TITLES[mode], median, least, spread, runs, ratio, goal, ...timing.error, note };
      }),
  );
  return {
    title: `${duel.title}, length ${length}`,
    columns: [
      { key: "who", title: "operator", kind: "text" },
      { key: "mode", title: "timed", kind: "text" },
      { key: "median", title: "ms, median", kind: "milliseconds" },
      { key: "least", title: "least", kind: "milliseconds" },
      { key: "spread", title: "± quartile", kind: "percent" },
      { key: "runs", title: "runs", kind: "count" },
      { key: "maxAbs", title: "max error", kind: "error" },
      { key: "relL2", title: "rel. L2", kind: "error" },
      { key: "ratio", title: "attnc is faster", kind: "ratio" },
      { key: "goal", title: "goal", kind: "text" },
      { key: "note", title: "note", kind: "text" },
    ],
    rows,
  };
}

const kernelOf = (timings: readonly Timing[], who: string): Timing | undefined =>
  timings.find((timing) => timing.label === label(who, "kernel") && timing.times.length > 0);

function ratioToRival(duel: Duel, timings: readonly Timing[]): number | undefined {
  const [own, rival] = [kernelOf(timings, "attnc"), kernelOf(timings, duel.rival)];
  // How fast a wrong result is made says nothing: the table has it, with its error.
  return own && rival && !isWrong(rival) ? pairedRatio(rival.times, own.times) : undefined;
}

function ratioToBest(timings: readonly Timing[]): number | undefined {
  const own = kernelOf(timings, "attnc");
  if (own === undefined) return undefined;
  const right = PEER_OPERATORS.map((name) => kernelOf(timings, name)).filter((timing) => timing !== undefined && !isWrong(timing));
  return right.length === 0 ? undefined : Math.min(...right.map((timing) => pairedRatio(timing!.times, own.times)));
}
