import type { BoolExpr } from "../mask/ir.js";
import * as m from "../mask/make.js";
import type { ColumnAxis, Flag, Force, RowAxis, Selection } from "../mask/selection.js";
import { mapLeaves } from "../mask/walk.js";
import { factsOf, knowledge, wholeTile } from "../tiles/intervals.js";
import { candidate, candidateCount, COLUMN, columnCount, columnSpan, firstQuery, HEAD, ROW, rowCount, rowSpan } from "./axes.js";
import { add, ALWAYS, and, ceilDiv, div, int, le, lt, max, min, mul, NEVER, ofMask, ONE, or, product, shape, sub, ZERO } from "./int.js";
import type { Bits, Cond, Int, KeepRule } from "./ir.js";
import type { Lowering } from "./lower.js";

/** Adds the stages that make a selection's matrix. */
export function lowerSelection(lowering: Lowering, selection: Selection): Bits {
  const { space } = lowering.module;
  const { name, heads, keep, force, snap } = selection;
  const columns: ColumnAxis =
    selection.columns.kind === "keys"
      ? { kind: "keys", unit: selection.columns.unit, stride: selection.columns.unit }
      : { kind: "offsets", unit: selection.columns.unit };
  const rows: RowAxis | undefined = selection.rows;
  const fine = { name, heads, rows: rowCount(space, rows), columns: columnCount(columns) };
  const score = lowering.stage(() =>
    lowering.scoreOf(selection.score, { heads, head: HEAD, row: rows === undefined ? undefined : ROW, column: COLUMN }),
  );
  const forced = forcedUnits(lowering, selection, rows, columns, fine);
  const to: Bits = snap === undefined ? fine : { ...fine, name: `${name} before it is snapped`, base: lowering.reserve(bitWords(fine)) };
  lowering.add({
    kind: "keep",
    name: `keep ${name}`,
    score,
    to,
    scope: keep.scope,
    rule: ruleOf(keep.rule),
    ...(keep.least === undefined ? {} : { least: ofMask(keep.least) }),
    ...(keep.most === undefined ? {} : { most: ofMask(keep.most) }),
    candidate: candidate(space, rows, columns, ROW, COLUMN),
    forced,
    onTop: force?.onTop ?? false,
    when: heads === "query" && selection.when !== undefined ? condOf(selection.when) : ALWAYS,
    short: keep.scope === "row" && columns.unit > 1,
    serves: [],
  });
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

/** Words of all matrices of one kind. */
export function bitWords({ heads, rows, columns }: Pick<Bits, "heads" | "rows" | "columns">): Int {
  const count = heads === "query" ? shape("heads") : heads === "kv" ? shape("kvHeads") : ONE;
  return product(shape("batch"), count, rows, ceilDiv(columns, int(32)));
}

function forcedUnits(
  lowering: Lowering,
  { name, force, heads }: Selection,
  rows: RowAxis | undefined,
  columns: ColumnAxis,
  fine: Pick<Bits, "rows" | "columns">,
): Cond {
  if (force === undefined) return NEVER;
  const { space } = lowering.module;
  const counted: Cond[] = [];
  if (force.first !== undefined) counted.push(lt(COLUMN, ofMask(force.first)));
  if (force.last !== undefined) {
    const end = rows === undefined ? columnCount(columns) : candidateCount(space, rows, columns, ROW);
    counted.push(le(sub(end, ofMask(force.last)), COLUMN));
  }
  if (force.local !== undefined) {
    const own = div(rowSpan(space, rows, ROW).last, int(columns.unit));
    counted.push(and(lt(sub(own, ofMask(force.local)), COLUMN), le(COLUMN, own)));
  }
  if (force.pairs === undefined) return or(...counted);
  const bits: Bits = { name: `forced ${name}`, heads, ...fine, base: lowering.reserve(bitWords({ heads, ...fine })) };
  addPairs(lowering, force.pairs, rows, columns, bits);
  return or(...counted, { kind: "bit", bits, row: ROW, column: COLUMN });
}

function addPairs(lowering: Lowering, pairs: NonNullable<Force["pairs"]>, rows: RowAxis | undefined, columns: ColumnAxis, to: Bits): void {
  const q = rowSpan(lowering.module.space, rows, ROW);
  const k = columnSpan(columns, COLUMN);
  // Of distances the mask is asked at k = q - distance.
  const mask =
    columns.kind === "keys" ? pairs : mapLeaves(pairs, (leaf) => (leaf.kind === "var" && leaf.name === "k" ? m.sub(m.q, m.k) : leaf));
  lowering.add({
    kind: "pairs",
    name: to.name,
    to,
    columns: columns.kind,
    pairs,
    q0: q.first,
    q1: q.last,
    k0: k.first,
    k1: k.last,
    ...knowledge(mask, wholeTile, factsOf({ ...lowering.module, mask })),
    serves: [],
  });
}

function snapped(lowering: Lowering, { name, heads, columns: { kind, unit }, rows }: Selection, size: number, from: Bits): Bits {
  const { space } = lowering.module;
  const tile = int(size);
  if (kind === "offsets" && rows !== undefined) throw new Error(`${name} snaps distances of single queries; it should have been refused`);
  const byRow = rows !== undefined;
  const to: Bits = { name, heads, rows: byRow ? rowCount(space, { unit: size }) : ONE, columns: ceilDiv(shape("N"), tile) };
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
