import { clustersOf, givenIds } from "../mask/clusters.js";
import type { BoolExpr } from "../mask/ir.js";
import type { ColumnAxis, Flag, OfClusters, RowAxis, Selection, SortedOrder } from "../mask/selection.js";
import { COLUMN, columnCount, firstQuery, HEAD, ROW, rowCount, rowSpan } from "./axes.js";
import { clusterOf } from "./clusters.js";
import type { Guard } from "./guard.js";
import { add, ALWAYS, and, ceilDiv, div, int, le, lt, max, min, mul, NEVER, ofMask, ONE, or, shape, sub, ZERO } from "./int.js";
import type { Bits, Cond, Int, KeepRule } from "./ir.js";
import type { Lowering } from "./lower.js";
import { candidateIn, candidatesOf, isOfPlaces, placesOf } from "./place-units.js";
import { SUMMARY_TOKENS } from "../tiles/expr.js";
import { somePair, type Units } from "./unit-masks.js";

/** Adds the stages that make a selection's matrix. */
export function lowerSelection(lowering: Lowering, selection: Selection, guard?: Pick<Guard, "stays">): Bits {
  const { space } = lowering.module;
  const { name, heads, keep, force, snap } = selection;
  const columns: ColumnAxis =
    selection.columns.kind === "keys"
      ? { ...selection.columns, kind: "keys", stride: selection.columns.unit }
      : { kind: selection.columns.kind, unit: selection.columns.unit };
  const rows: RowAxis | undefined = selection.rows;
  const fine = {
    name,
    heads,
    rows: rowCount(space, rows),
    rowUnit: isOfPlaces(rows) ? undefined : rows?.unit,
    columns: columnCount(columns),
  };
  const units: Units = { heads, rows, columns, counts: { rows: fine.rows, rowUnit: fine.rowUnit, columns: fine.columns } };
  const forced = forcedUnits(lowering, selection, units);
  const among = selection.among === undefined ? ALWAYS : or(somePair(lowering, selection.among, units, `among ${name}`), forced);
  if (selection.among !== undefined && hasOwnElements(selection)) lowering.narrow(selection.score, among);
  const score = lowering.stage(() =>
    lowering.scoreOf(selection.score, { heads, head: HEAD, row: rows === undefined ? undefined : ROW, column: COLUMN }),
  );
  const spreads = tokensOf(selection);
  const isSpread = spreads.rows !== undefined || spreads.columns !== undefined;
  const to: Bits = snap === undefined && !isSpread ? fine : lowering.bits(`${name} before it is ${isSpread ? "spread" : "snapped"}`, fine);
  lowering.add({
    kind: "keep",
    name: `keep ${name}`,
    score,
    to,
    scope: keep.scope,
    rule: ruleOf(keep.rule),
    ...(keep.least === undefined ? {} : { least: ofMask(keep.least) }),
    ...(keep.most === undefined ? {} : { most: ofMask(keep.most) }),
    candidate: and(candidateIn(lowering, rows, columns, ROW, COLUMN), among),
    forced,
    onTop: force?.onTop ?? false,
    when: heads === "query" && selection.when !== undefined ? condOf(selection.when) : ALWAYS,
    ...(guard === undefined ? {} : { stays: guard.stays }),
    short: keep.scope === "row" && columns.unit > 1,
    serves: [],
  });
  if (isSpread) return spread(lowering, selection, spreads, to);
  if (snap === undefined) return to;
  return snapped(lowering, selection, snap, to);
}

/** Adds the stage that makes a flag's bit. */
export function lowerFlag(lowering: Lowering, { name, heads, value }: Flag): Bits {
  const to: Bits = { name, heads, rows: ONE, columns: ONE };
  const number = lowering.stage(() => lowering.value(value, { heads, head: HEAD }));
  lowering.add({ kind: "flag", name: `flag ${name}`, to, value: number, serves: [] });
  return to;
}

/** Adds the stage that sorts the keys: the first of those that read their order. */
export function lowerOrder(lowering: Lowering, { name, heads, score, segment }: SortedOrder): Bits {
  const rows = add(shape("N"), mul(ceilDiv(shape("N"), int(SUMMARY_TOKENS)), int(2)));
  const to: Bits = { name, heads, rows, columns: int(32) };
  const value = lowering.stage(() => lowering.scoreOf(score, { heads, head: HEAD, column: COLUMN }));
  lowering.add({ kind: "sort", name: `sort ${name}`, to, score: value, segment, serves: [] });
  return to;
}

/** Whether a score has an element for each unit. */
function hasOwnElements({ score: { axes }, rows }: Selection): boolean {
  return axes.columns !== undefined && axes.rows?.unit === rows?.unit;
}

const condOf = (expr: BoolExpr): Cond => (expr.kind === "bool" ? (expr.value ? ALWAYS : NEVER) : { kind: "mask", expr });

function ruleOf(rule: Selection["keep"]["rule"]): KeepRule {
  switch (rule.kind) {
    case "top":
      return { kind: "top", n: ofMask(rule.n) };
    case "mass":
      return { kind: "mass", value: rule.p };
    case "threshold":
      return { kind: "threshold", value: rule.t };
    case "fraction":
      return { kind: "fraction", value: rule.f };
  }
}

function forcedUnits(lowering: Lowering, { name, force }: Selection, units: Units): Cond {
  if (force === undefined) return NEVER;
  const { rows, columns } = units;
  const { space } = lowering.module;
  const counted: Cond[] = [];
  if (force.first !== undefined) counted.push(lt(COLUMN, ofMask(force.first)));
  if (force.last !== undefined) {
    const end = rows === undefined ? columnCount(columns) : candidatesOf(lowering, rows, columns, ROW).to;
    counted.push(le(sub(end, ofMask(force.last)), COLUMN));
  }
  if (force.local !== undefined) {
    // The last place of a tile of queries has a token, be it a query of the call or not.
    const last = isOfPlaces(rows) ? sub(placesOf(rows!, ROW).to, ONE) : rowSpan(space, rows, ROW).last;
    const own = div(last, int(columns.unit));
    counted.push(and(lt(sub(own, ofMask(force.local)), COLUMN), le(COLUMN, own)));
  }
  if (force.pairs === undefined) return or(...counted);
  return or(...counted, somePair(lowering, force.pairs, units, `forced ${name}`));
}

/** The clusters of rows and columns whose matrix has their tokens: those that no order of a layout numbers. */
function tokensOf({ rows, columns, numbered }: Selection): Spread {
  return {
    rows: numbered?.rows === undefined ? clustersOf(rows) : undefined,
    columns: numbered?.columns === undefined ? clustersOf(columns) : undefined,
  };
}

interface Spread {
  readonly rows?: OfClusters | undefined;
  readonly columns?: OfClusters | undefined;
}

/** Bits of clusters as bits of their tokens. */
function spread(lowering: Lowering, { name, heads, rows }: Selection, { rows: byRow, columns: byColumn }: Spread, from: Bits): Bits {
  const ofQueries = byRow === undefined ? { rows: from.rows, rowUnit: from.rowUnit } : { rows: shape("NQ"), rowUnit: 1 };
  const to: Bits = { name, heads, ...ofQueries, columns: byColumn === undefined ? from.columns : shape("N") };
  const [row, column] = lowering.stage((): readonly [Int, Int] => [
    byRow === undefined ? (rows === undefined ? ZERO : ROW) : clusterOf(lowering, byRow, ROW),
    byColumn === undefined ? COLUMN : clusterOf(lowering, byColumn, COLUMN),
  ]);
  lowering.add({
    kind: "snap",
    name: `spread ${name}`,
    from,
    to,
    row0: row,
    row1: behind(row, byRow, from.rows),
    column0: column,
    column1: behind(column, byColumn, from.columns),
    serves: [],
  });
  return to;
}

/** The end of a range of one cluster, or of none where the caller's ids put a token into none. */
function behind(cluster: Int, of: OfClusters | undefined, count: Int): Int {
  const next = add(cluster, ONE);
  return of !== undefined && givenIds(of) !== undefined ? min(next, count) : next;
}

function snapped(lowering: Lowering, { name, heads, columns: { kind, unit }, rows }: Selection, size: number, from: Bits): Bits {
  const { space } = lowering.module;
  const tile = int(size);
  if (kind === "offsets" && rows !== undefined) throw new Error(`${name} snaps distances of single queries; it should have been refused`);
  const byRow = rows !== undefined;
  const rowUnit = byRow ? size : undefined;
  const to: Bits = { name, heads, rows: byRow ? rowCount(space, { unit: size }) : ONE, rowUnit, columns: ceilDiv(shape("N"), tile) };
  const first = mul(COLUMN, tile);
  // Pairs of a tile of distance j tiles have all distances closer than a tile to j * size.
  const lowest = kind === "keys" ? first : max(ZERO, sub(first, int(size - 1)));
  const columns = span(lowest, add(first, int(size - 1)), unit, from.columns);
  const place = rows === undefined ? undefined : rowsOfTile(firstQuery(space), size, rows.unit, from.rows);
  lowering.add({
    kind: "snap",
    name: `snap ${name}`,
    from,
    to,
    row0: place?.from ?? ZERO,
    row1: place?.to ?? ONE,
    column0: columns.from,
    column1: columns.to,
    serves: [],
  });
  return to;
}

/** Units of `unit` that meet [lowest, highest], of those that exist. */
function span(lowest: Int, highest: Int, unit: number, count: Int): { from: Int; to: Int } {
  return { from: div(lowest, int(unit)), to: min(count, add(div(highest, int(unit)), ONE)) };
}

function rowsOfTile(first: Int, size: number, unit: number, count: Int): { from: Int; to: Int } {
  const start = mul(add(ROW, div(first, int(size))), int(size));
  const before = div(first, int(unit));
  return {
    from: max(ZERO, sub(div(start, int(unit)), before)),
    to: min(count, add(sub(div(add(start, int(size - 1)), int(unit)), before), ONE)),
  };
}
