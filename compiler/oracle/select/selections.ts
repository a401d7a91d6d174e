import type { CallExpr, Expr } from "../../syntax/ast.js";
import { evaluate } from "../expressions.js";
import { OracleError } from "../program.js";
import type { Meaning, OracleLaunch, Place, TokensOf } from "../scope.js";
import { changes, constant, derived, type Point, type Term } from "../values.js";
import { allWays, exactWay } from "./arithmetic.js";
import { givenBit, keptBits, matrixShape, type MatrixShape, type OracleBits } from "./bits.js";
import { assign, clustersKey, clustersOf, stepKey, stepsOf, type Assigned, type Step } from "./clusters.js";
import { clusterOrderBits, tokensByCluster, type ClusterOrder } from "./cluster-order.js";
import { clusterOf, readSelects, type SelectText } from "./clauses.js";
import { evaluateTensor } from "./expressions.js";
import { isCounted } from "./force.js";
import { sceneOf, type ClusterText, type OracleTensors } from "./scene.js";
import { selectionKey, spelled, type Spellings } from "./names.js";
import { leastOf, selectHeads, type SelectedHead } from "./select.js";
import { givenTokens, orderWords, sortedOrder, type OracleOrder } from "./sorted.js";
import { origin } from "./tensor.js";
import { positionsOf } from "./units.js";

/** A selection of an attention, as the oracle makes it. */
export interface OracleSelection {
  readonly kind: "selection";
  readonly name: string;
  readonly matrix: MatrixShape;
  /** What is selected for a batch entry and query head. */
  readonly select: (b: number, h: number) => SelectedHead;
}

/** A boolean for each head that an attention learns from the tensors. */
export interface OracleFlag {
  readonly kind: "flag";
  readonly name: string;
  /** Whether it holds, and whether rounding may turn it. */
  readonly decide: (b: number, h: number) => { readonly holds: boolean; readonly sure: boolean };
}

export type OracleItem = OracleSelection | OracleFlag | OracleOrder | ClusterOrder;

/** A selection or flag of a mask. It has a name when all of them are known. */
interface Entry {
  name: string;
  /** By which a first of its kind is called. */
  readonly base: string;
  readonly term: Term;
  readonly known: (name: string) => OracleItem;
  /** Of one that makes clusters: that of each token. */
  readonly assigned?: Assigned | undefined;
}

/** What the selections of one call are made from, and those that its mask has met. */
export interface SelectionBook {
  readonly tensors?: OracleTensors | undefined;
  /** Matrices that are read instead of making a selection, by name. */
  readonly given: Readonly<Record<string, OracleBits>>;
  /** Bits that stand for any other. */
  readonly others?: (() => OracleBits) | undefined;
  /** Compute also in float32, to know what rounding does. */
  readonly checked: boolean;
  /** By all that they say, in the order of their first use. */
  readonly entries: Map<string, Entry>;
  readonly spellings: Spellings;
}

export function emptyBook(launch: Pick<OracleLaunch, "tensors" | "selected" | "unselected">, checked: boolean): SelectionBook {
  return {
    tensors: launch.tensors,
    given: launch.selected ?? {},
    others: launch.unselected,
    checked,
    entries: new Map(),
    spellings: { definitions: new Map(), texts: new Map() },
  };
}

/** Gives the selections of a mask names of their own, which none of `taken` has: the second `c` is `c_2`. */
export function nameSelections({ entries }: SelectionBook, taken: Iterable<string>): ReadonlyMap<string, OracleItem> {
  const used = new Set(taken);
  const named = new Map<string, OracleItem>();
  for (const entry of entries.values()) {
    entry.name = entry.base;
    for (let i = 2; used.has(entry.name); i++) entry.name = `${entry.base}_${i}`;
    used.add(entry.name);
    named.set(entry.name, entry.known(entry.name));
  }
  return named;
}

type SelectMeaning = Extract<Meaning, { kind: "select" }>;

/** A selection as a mask term: `NAME`, or `NAME.min` with only the least number of units. */
export function selectionTerm({ clause, place }: SelectMeaning, least: boolean): Term {
  const kept = readSelects(clause, place).map((text) => one(place, text, least));
  return kept.length === 1 ? kept[0]! : derived("bool", kept, (p) => kept.some((each) => each.at(p)));
}

/** `NAME.level(m)`: the units whose first rule is that of the level. */
export function levelTerm({ clause, place }: SelectMeaning, level: number): Term {
  const texts = readSelects(clause, place);
  const at = texts.findIndex(({ keep }) => keep.level === level);
  if (at < 0) throw new OracleError(`there is no level ${level}`);
  // Its own rule is met first, as it is written.
  const own = one(place, texts[at]!, false);
  const before = texts.slice(0, at).map((text) => one(place, text, false));
  return derived("bool", [own, ...before], (p) => own.at(p) && !before.some((each) => each.at(p)));
}

const one = (place: Place, text: SelectText, least: boolean): Term =>
  once(place.selected, `${baseName(text.name, place)} ${selectionKey(text, place, least)}`, () => madeSelection(text, place, least));

/** What says the same is one selection. */
function once({ entries }: SelectionBook, key: string, make: () => Entry): Term {
  if (!entries.has(key)) entries.set(key, make());
  return entries.get(key)!.term;
}

/** The order that `sort` makes of the keys: what was made already where that is given. It is met before all else. */
export function sortedKeys(expr: CallExpr, place: Place): TokensOf {
  const { selected } = place;
  const base = "order_k";
  const made = sortedOrder(expr, place, () => tensorsOf(selected, base), waysOf(selected));
  const entry: Entry = { name: base, base, term: constant(false, "bool"), known: (name) => ({ ...made, name }) };
  selected.entries.set("order of keys", entry);
  let given: TokensOf | undefined;
  return (at) => {
    const bits = selected.given[entry.name];
    if (bits === undefined) return made.tokensOf(at);
    return (given ??= givenTokens(bits, place))(at);
  };
}

/** The order of queries or keys by their clusters, and by what these are known. They are met before all else. */
export function clusteredTokens(axis: "q" | "k", expr: CallExpr, place: Place): { readonly tokensOf: TokensOf; readonly key: string } {
  const text = clusterOf(expr, place);
  const { entries } = place.selected;
  meetClusters(axis, text, place);
  const tokens = tokensByCluster(axis, clustersOf(axis, text, place), place);
  const heads = text.ids !== undefined ? "one" : axis === "q" ? "query" : "kv";
  for (const what of ["position", "cluster"] as const) {
    const base = what === "position" ? `order_${axis}` : `order_${axis}_clusters`;
    const valuesOf = (b: number, h: number): readonly number[] => tokens(b, h).map((token) => token[what]);
    entries.set(base, { name: base, base, term: constant(false, "bool"), known: (name) => ({ kind: "order", name, heads, valuesOf }) });
  }
  const known = new WeakMap<object, readonly number[]>();
  const tokensOf: TokensOf = ({ b, h }) => {
    const all = tokens(b, h);
    if (!known.has(all))
      known.set(
        all,
        all.map(({ position }) => position),
      );
    return known.get(all)!;
  };
  return { tokensOf, key: clustersKey(axis, text) };
}

function meetClusters(axis: "q" | "k", text: ClusterText, place: Place): void {
  for (const step of stepsOf(axis, text)) once(place.selected, stepKey(step), () => madeClusters(step, place));
}

/** What a selection reads of others is met before it. */
function meetOthers({ among, force, units: { clusters = {} } }: SelectText, place: Place): void {
  for (const axis of ["q", "k"] as const) {
    const text = clusters[axis];
    if (text !== undefined) meetClusters(axis, text, place);
  }
  for (const expr of [among, ...force]) if (expr !== undefined && !isCounted(expr)) evaluate(expr, place);
}

/** With the pattern that it is in. */
const baseName = (name: string, { pattern }: Place): string => (pattern === undefined ? name : `${pattern}_${name}`);

function madeSelection(whole: SelectText, place: Place, least: boolean): Entry {
  const { selected } = place;
  const text = least ? leastOf(whole) : whole;
  meetOthers(text, place);
  const assigned = text.numbered.map((axis) => [axis, clustersOf(axis, text.units.clusters![axis]!, place)]);
  const matrix = matrixShape(text, (at) => positionsOf(place, at), Object.fromEntries(assigned));
  const heads = remembered((b) => selectHeads(text, place, tensorsOf(selected, text.name), b, waysOf(selected)));
  const bits = remembered((b) => heads(b).map((head) => keptBits(head, matrix)));
  const base = baseName(text.name, place);
  const entry: Entry = {
    name: base,
    base,
    term: { kind: "bool", with: changes.head | changes.query | changes.key, at: (p) => has(p) },
    known: (name) => ({ kind: "selection", name, matrix, select: (b, h) => heads(b)[h]! }),
  };
  const has = (p: Point): boolean => {
    const [row, column] = matrix.bitOf(p);
    const given = givenOf(selected, entry);
    if (given !== undefined) return givenBit(given, p.b, headOf(given, p, place), row, column);
    return row >= 0 && column >= 0 && column < matrix.columns && bits(p.b)[p.h]![row * matrix.columns + column] === 1;
  };
  return entry;
}

/** A step of a k-means: which cluster each token is in. No mask reads it. */
function madeClusters(step: Step, place: Place): Entry {
  const { selected, launch, space } = place;
  const { axis, count } = step;
  const { entries, checked } = selected;
  const length = axis === "q" ? launch.NQ : launch.N;
  const before = Array.from({ length: step.step }, (_, i) => entries.get(stepKey({ ...step, step: i }))!.assigned!);
  const heads = remembered((b) =>
    remembered((h) => assign(step, place, tensorsOf(selected, `clusters of ${axis}`), { b, h }, before, checked)),
  );
  // Query heads of a kv head share its clusters of keys.
  const shared = (h: number): number => (axis === "q" ? h : h - (h % (launch.heads / launch.kvHeads)));
  const select = (b: number, h: number): SelectedHead => heads(b)(shared(h));
  const base = baseName(`${axis}_clusters_${step.step}`, place);
  if (space === undefined) throw new OracleError("there is no space here");
  const entry: Entry = {
    name: base,
    base,
    term: derived("bool", [], () => false),
    known: (name) => ({ kind: "selection", name, matrix: clusterMatrix(length, count), select }),
    assigned: (b, h) => assigned(b)(shared(h)),
  };
  const assigned = remembered((b) =>
    remembered((h) => {
      const given = selected.given[entry.name];
      const own = given === undefined ? select(b, h).kept : undefined;
      const kvh = Math.floor(h / (launch.heads / launch.kvHeads));
      const has = (token: number, cluster: number): boolean =>
        given === undefined
          ? own![token * count + cluster] === 1
          : givenBit(given, b, given.heads === 1 ? 0 : given.heads === launch.heads ? h : kvh, token, cluster);
      const columns = Array.from({ length: count }, (_, i) => i);
      return Array.from({ length }, (_, token) => columns.find((cluster) => has(token, cluster)) ?? 0);
    }),
  );
  return entry;
}

const clusterMatrix = (rows: number, columns: number): MatrixShape => ({
  ...{ rows, columns },
  bitOf: () => [-1, -1],
  bitsOf: (row, column) => [[row, column]],
});

/** A condition on tensors as a mask term: one boolean for each head. */
export function flagTerm(expr: Expr, place: Place): Term {
  const meaning = expr.kind === "name" ? place.names.get(expr.name) : undefined;
  const named = meaning?.kind === "tensor" && expr.kind === "name" ? { ...meaning, name: expr.name } : { expr, place, name: "flag" };
  return once(place.selected, `flag ${baseName(named.name, named.place)} ${spelled(named.expr, named.place)}`, () =>
    madeFlag(named.expr, named.place, named.name),
  );
}

function madeFlag(expr: Expr, place: Place, name: string): Entry {
  const { selected, launch } = place;
  const decided = remembered((b) =>
    Array.from({ length: launch.heads }, (_, h) => {
      const scene = sceneOf(place, tensorsOf(selected, name), b, h, waysOf(selected));
      const value = evaluateTensor(expr, place, scene);
      if (Object.keys(value.axes).length > 0) throw new OracleError(`${name} is no boolean for each head`);
      return { holds: value.get(0, origin()) !== 0, sure: value.bandAt(origin()) === 0 };
    }),
  );
  const base = baseName(name, place);
  const entry: Entry = {
    name: base,
    base,
    term: { kind: "bool", with: changes.head, at: (p) => has(p) },
    known: (own) => ({ kind: "flag", name: own, decide: (b, h) => decided(b)[h]! }),
  };
  const has = (p: Point): boolean => {
    const given = givenOf(selected, entry);
    return given === undefined ? decided(p.b)[p.h]!.holds : givenBit(given, p.b, headOf(given, p, place), 0, 0);
  };
  return entry;
}

/** Bits that a mask reads in the place of what would be selected. */
const givenOf = ({ given, others }: SelectionBook, { name }: Entry): OracleBits | undefined => given[name] ?? others?.();

function tensorsOf({ tensors }: SelectionBook, name: string): OracleTensors {
  if (tensors === undefined) throw new OracleError(`${name} is made from tensors that are not given`);
  return tensors;
}

const waysOf = ({ checked }: SelectionBook) => (checked ? allWays : exactWay);

function headOf({ heads }: OracleBits, point: Point, { launch }: Place): number {
  if (heads === 1) return 0;
  return heads === launch.heads ? point.h : point.kvh;
}

/** Computes what belongs to a batch entry once. */
function remembered<T>(make: (b: number) => T): (b: number) => T {
  const known = new Map<number, T>();
  return (b) => {
    if (!known.has(b)) known.set(b, make(b));
    return known.get(b)!;
  };
}

/** What is selected for all heads of a call, as matrices of bits. */
export function selectionBits(
  item: OracleItem,
  counts: { readonly batch: number; readonly heads: number; readonly kvHeads: number },
): OracleBits & { readonly words: Uint32Array<ArrayBuffer> } {
  const { batch, heads, kvHeads } = counts;
  if (item.kind === "order") return "valuesOf" in item ? clusterOrderBits(item, counts) : orderBits(item, batch, kvHeads);
  const { rows, columns } = item.kind === "flag" ? { rows: 1, columns: 1 } : item.matrix;
  const perRow = Math.ceil(columns / 32);
  const words = new Uint32Array(batch * heads * rows * perRow);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const bits = item.kind === "flag" ? [Number(item.decide(b, h).holds)] : keptBits(item.select(b, h), item.matrix);
      const start = (b * heads + h) * rows * perRow;
      bits.forEach((bit, i) => {
        if (bit === 1) words[start + Math.floor(i / columns) * perRow + ((i % columns) >> 5)]! |= 1 << ((i % columns) % 32);
      });
    }
  }
  return { batch, heads, rows, columns, words };
}

function orderBits({ tokensOf }: OracleOrder, batch: number, heads: number): OracleBits & { readonly words: Uint32Array<ArrayBuffer> } {
  const all = Array.from({ length: batch * heads }, (_, i) => {
    const [b, kvh] = [Math.floor(i / heads), i % heads];
    return orderWords(tokensOf({ b, h: kvh, kvh }));
  });
  return { batch, heads, rows: all[0]!.length, columns: 32, words: Uint32Array.from(all.flat()) };
}
