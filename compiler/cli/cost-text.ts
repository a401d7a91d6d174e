import { intervals, percent } from "../picture/grid.js";
import type { Bound } from "../tiles/cost.js";
import type { Evictable } from "../tiles/evictable.js";
import type { LastQueryReach } from "../tiles/last-query.js";
import type { Reach, ReceptiveField } from "../tiles/receptive.js";
import type { CostReport, OrdersReport } from "../tiles/report.js";
import type { Suggestion } from "../tiles/suggest.js";

/** A cost report for people: sections with a line for each figure, columns aligned. */
export function costText(report: CostReport): string {
  const sections = [
    [costTitle(report)],
    densityLines(report),
    ...report.tiles.map((_, i) => tileLines(report, i)),
    orderLines(report.orders),
    workLines(report),
    decodeLines(report),
    cacheLines(report),
    reachLines(report.receptive, report.space.causal),
    lastQueryLines(report.lastQuery),
    suggestionLines(report.suggestions),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** What the report is about, in a line. */
export function costTitle({ name, queries, keys, space, shape, layout }: CostReport): string {
  const kind = space.kind === "cross" ? "cross" : space.causal ? "causal" : "full";
  const heads = shape.kvHeads === shape.heads ? `${shape.heads} heads` : `${shape.heads} heads on ${shape.kvHeads} kv heads`;
  const dims = shape.headDim === shape.valueDim ? `dim ${shape.headDim}` : `dims ${shape.headDim} and ${shape.valueDim}`;
  const batch = shape.batch === 1 ? "" : `, batch ${shape.batch}`;
  return `${name}: ${queries} queries x ${keys} keys, ${kind}${layout === undefined ? "" : `, layout ${layout}`}; ${heads}, ${dims}, ${shape.dtype}${batch}`;
}

type Cells = readonly string[];

/** The first column to the left, the others to the right. */
function table(rows: readonly Cells[]): readonly string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]! + 2)))
      .join("")
      .trimEnd(),
  );
}

function densityLines({ groups, space }: CostReport): readonly string[] {
  return table([
    ["pairs looked at", "of a head", "of all pairs", ...(space.causal ? ["of causal pairs"] : [])],
    ...groups.map(({ heads, pairs, density, causalDensity }) => [
      headNames(heads),
      count(pairs),
      percent(density),
      ...(causalDensity === undefined ? [] : [percent(causalDensity)]),
    ]),
  ]);
}

function orderLines(orders: OrdersReport | undefined): readonly string[] {
  if (orders === undefined) return [];
  const { selection, unit, most, tileQ, tileK, queryOrder, keyOrder, expected } = orders;
  const taken = (order: OrdersReport["expected"]): string => (order === expected ? "expected" : "");
  return [
    ...table([
      [`tiles of ${tileQ} x ${tileK} by order`, "of a head", ""],
      ["query by query", count(queryOrder), taken("queries")],
      ["block by block", count(keyOrder), taken("keys")],
    ]),
    `  where each query chooses ${most} blocks of ${unit} keys of ${selection} independently; on WebGPU a launch counts its own`,
  ];
}

function tileLines({ tiles, groups }: CostReport, index: number): readonly string[] {
  const { tileQ, tileK, schedules, full, partial, empty } = tiles[index]!;
  const name = `tiles of ${tileQ} x ${tileK}`;
  const head = [[name, "computed", "full", "partial", "empty"]];
  const all = ["all heads", count(full + partial), count(full), count(partial), count(empty)];
  const own = groups.map((group) => [
    headNames(group.heads),
    count(group.full + group.partial),
    count(group.full),
    count(group.partial),
    count(group.empty),
  ]);
  return [...table([...head, ...(index === 0 ? own : []), all]), `for the schedules ${schedules.join(", ")}`];
}

function workLines({ ideal, tiles }: CostReport): readonly string[] {
  const columns = [ideal, ...tiles];
  const causal = ideal.bound.causal !== undefined;
  const bound = (read: (bound: Bound) => number | undefined): Cells => columns.map((each) => times(read(each.bound)));
  return table([
    ["work of a call", "ideal", ...tiles.map(({ tileQ, tileK }) => `tiles ${tileQ} x ${tileK}`)],
    ["FLOPs", ...columns.map((each) => si(each.flops))],
    ["bytes moved", ...columns.map((each) => bytes(each.bytes))],
    ["FLOPs per byte", ...columns.map((each) => each.intensity.toFixed(1))],
    ["speed-up over dense, at most", ...bound((b) => b.dense)],
    ...(causal ? [["speed-up over dense causal, at most", ...bound((b) => b.causal)]] : []),
  ]);
}

function decodeLines({ decode }: CostReport): readonly string[] {
  return table([
    ["keys of the last query", "of a kv head", "bytes of K and V"],
    ...decode.map(({ length, groups, bytes: read }) => [`at ${count(length)} keys`, range(groups.map(({ keys }) => keys)), bytes(read)]),
  ]);
}

function cacheLines({ evictable }: CostReport): readonly string[] {
  if (evictable === undefined) return [];
  const most = range(evictable.groups.map((group) => group.cacheKeys));
  return [verdict(evictable), `  at most ${most} keys of a kv head are kept at a time: a cache of ${bytes(evictable.cacheBytes)}`];
}

function verdict({ evictable, scope, groups }: Evictable): string {
  const where = scope === "every length" ? "proved for every length" : "decided at this length";
  if (evictable) return `evictable: a key that a query drops is never looked at again (${where})`;
  const { kvHeads, counterexample } = groups.find((group) => !group.evictable)!;
  const { key, dropped, again } = counterexample!;
  return `not evictable: key ${key} of kv head ${kvHeads[0]} is dropped by query ${dropped} and looked at again by query ${again}`;
}

function reachLines(field: ReceptiveField | undefined, causal: boolean): readonly string[] {
  if (field === undefined) return [];
  const sides = (reach: Reach): Cells =>
    causal ? [count(reach.back), count(reach.backWhole)] : [reach.back, reach.backWhole, reach.ahead, reach.aheadWhole].map(count);
  const titles = causal ? ["back", "no gap up to"] : ["back", "no gap up to", "ahead", "no gap up to"];
  const rows = field.layers.map((reach) => [plural(reach.layers, "layer"), ...sides(reach), shareOf(reach.share)]);
  return [...table([[`receptive field of ${count(field.length)} tokens`, ...titles, "of allowed pairs"], ...rows]), `  ${reachEnd(field)}`];
}

/** What rounds to all and is not is said to be less. */
const shareOf = (share: number): string => (share < 1 && share >= 0.9995 ? "> 99.9%" : percent(share));

function reachEnd({ covers, ends, layers }: ReceptiveField): string {
  if (covers !== undefined) return `everything is reached after ${plural(covers, "layer")}`;
  if (ends === "fixpoint") return "more layers reach nothing more: what is left is never reached";
  return `not everything is reached after ${plural(layers[layers.length - 1]!.layers, "layer")}`;
}

function lastQueryLines(reach: LastQueryReach | undefined): readonly string[] {
  if (reach === undefined) return [];
  const { length, layers, covers } = reach;
  const rows = layers.map(({ layers: depth, keys }) => [plural(depth, "layer"), count(keys), shareOf(keys / length)]);
  const end = covers === undefined ? "more layers reach no more keys" : `every key is reached after ${plural(covers, "layer")}`;
  return [...table([[`reach of the last query of ${count(length)}`, "keys", "of all keys"], ...rows]), `  ${end}`];
}

function suggestionLines(suggestions: readonly Suggestion[]): readonly string[] {
  if (suggestions.length === 0) return [];
  return ["worth a try", ...suggestions.map((each) => `  ${suggestionText(each)}`)];
}

/** One suggestion with its figures. */
function suggestionText({ change, changesMeaning, before, after }: Suggestion): string {
  const flops = `computes ${percent(after.computed)} of the pairs for ${percent(before.computed)}`;
  const looked = changesMeaning ? `, looks at ${percent(after.density)} for ${percent(before.density)}: another mask` : "";
  return `${change}: ${flops}${looked}; at most ${times(after.bound)} over dense for ${times(before.bound)}, ${after.intensity.toFixed(1)} FLOPs per byte for ${before.intensity.toFixed(1)}`;
}

const headNames = (heads: readonly number[]): string => `head${heads.length === 1 ? "" : "s"} ${intervals(heads)}`;

const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** Digits in groups of three. */
export const count = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, " ");

export const times = (n: number | undefined): string =>
  n === undefined || !Number.isFinite(n) ? "-" : `${n >= 100 ? n.toFixed(0) : n.toPrecision(3)}x`;

function range(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? count(least) : `${count(least)} to ${count(most)}`;
}

function si(n: number): string {
  const [factor, unit] = (
    [
      [1e15, "P"],
      [1e12, "T"],
      [1e9, "G"],
      [1e6, "M"],
      [1e3, "k"],
    ] as const
  ).find(([f]) => n >= f) ?? [1, ""];
  return `${factor === 1 ? String(n) : (n / factor).toPrecision(3)}${unit === "" ? "" : ` ${unit}`}`;
}

export function bytes(n: number): string {
  const [factor, unit] = (
    [
      [2 ** 40, "TiB"],
      [2 ** 30, "GiB"],
      [2 ** 20, "MiB"],
      [2 ** 10, "KiB"],
    ] as const
  ).find(([f]) => n >= f) ?? [1, "B"];
  return `${factor === 1 ? String(n) : (n / factor).toFixed(1)} ${unit}`;
}
