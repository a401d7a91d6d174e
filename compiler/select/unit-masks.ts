import type { BoolExpr } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { overTokens } from "../mask/layout/places.js";
import { bitOfPair } from "../mask/selection-bits.js";
import type { ColumnAxis, RowAxis, Selection, SelectionHeads } from "../mask/selection.js";
import { simplifyBool } from "../mask/simplify.js";
import { keyOf, mapLeaves, walk } from "../mask/walk.js";
import { factsOf, knowledge, wholeTile } from "../tiles/intervals.js";
import { COLUMN, columnSpan, firstQuery, ROW, rowSpan } from "./axes.js";
import type { Span } from "./axes.js";
import { add, ALWAYS, and, div, int, NEVER, not, ONE, or, sub, ZERO } from "./int.js";
import type { Bits, Cond, Int } from "./ir.js";
import type { Lowering } from "./lower.js";
import { isOfPlaces, placesOf } from "./place-units.js";

/** The units that a mask is asked of. */
export interface Units {
  readonly heads: SelectionHeads;
  readonly rows: RowAxis | undefined;
  readonly columns: ColumnAxis;
  /** How many there are. */
  readonly counts: Pick<Bits, "rows" | "rowUnit" | "columns">;
}

/**
 * Whether some pair of a candidate unit satisfies a mask that has causality in it. What is the same for all pairs of a unit, the bits of
 * coarser selections, is read where it stands; for the rest there is a stage that looks at the pairs.
 */
export function somePair(lowering: Lowering, mask: BoolExpr, units: Units, name: string): Cond {
  const { causal } = lowering.module.space;
  const isCausality = (item: BoolExpr): boolean => causal && keyOf(item) === keyOf(m.le(m.k, m.q));
  // A candidate has a pair that causality allows, and one pair is like another in what is the same for all of them.
  const split = (items: readonly BoolExpr[]) => {
    const conds = items.map((item) => commonTo(lowering, item, units));
    return { common: conds.filter((cond) => cond !== undefined), apart: items.filter((_, i) => conds[i] === undefined) };
  };
  const allowed = (rest: BoolExpr): BoolExpr => simplifyBool(causal ? m.and(m.le(m.k, m.q), rest) : rest);
  const { common, apart } = split((mask.kind === "and" ? mask.items : [mask]).filter((item) => !isCausality(item)));
  const cases = apart.length === 1 && apart[0]!.kind === "or" ? split(apart[0]!.items) : { common: [], apart };
  if (common.length === 0 && cases.common.length === 0 && apart.length > 0) return bitsOf(lowering, mask, units, name);
  if (apart.length === 0) return and(...common);
  const rest = cases.common.length === 0 ? m.and(...apart) : m.or(...cases.apart);
  return and(...common, or(...cases.common, bitsOf(lowering, allowed(rest), units, name)));
}

/** A mask as a condition of a unit, where it is the same for all of its pairs. */
function commonTo(lowering: Lowering, mask: BoolExpr, units: Units): Cond | undefined {
  switch (mask.kind) {
    case "bool":
      return mask.value ? ALWAYS : NEVER;
    case "bit":
      return lookup(lowering, mask, units);
    case "not": {
      const a = commonTo(lowering, mask.a, units);
      return a && not(a);
    }
    case "and":
    case "or": {
      const items = mask.items.map((item) => commonTo(lowering, item, units));
      if (items.some((item) => item === undefined)) return undefined;
      return (mask.kind === "and" ? and : or)(...(items as Cond[]));
    }
    default:
      return undefined;
  }
}

/** The bit of an earlier selection whose units hold whole ones of these. */
function lookup(lowering: Lowering, bit: Extract<BoolExpr, { readonly kind: "bit" }>, { rows, columns }: Units): Cond | undefined {
  const { space, selections = [] } = lowering.module;
  const found = selections.find(({ name }) => name === bit.input);
  const bits = lowering.matrix(bit.input);
  if (found?.kind !== "selection" || bits === undefined || keyOf(bit) !== keyOf(simplifyBool(bitOfPair(found, space)))) return undefined;
  const { row: height, column: width } = sizesOf(found);
  if (
    isOfPlaces(columns) !== (found.columns.of !== undefined) ||
    (height !== undefined && isOfPlaces(rows) !== (found.rows?.of !== undefined))
  )
    return undefined;
  if (columns.kind !== "keys" || found.columns.kind !== "keys" || width % columns.unit !== 0) return undefined;
  const column = width === columns.unit ? COLUMN : div(COLUMN, int(width / columns.unit));
  if (height === undefined) return { kind: "bit", bits, row: ZERO, column };
  if (rows === undefined || rows.last !== undefined || height % rows.unit !== 0) return undefined;
  return { kind: "bit", bits, row: rowOf(isOfPlaces(rows) ? ZERO : firstQuery(space), rows.unit, height), column };
}

/** Queries and keys that a bit of a selection stands for. */
function sizesOf({ rows, columns, snap }: Selection): { readonly row: number | undefined; readonly column: number } {
  return { row: rows && (snap ?? rows.unit), column: snap ?? columns.unit };
}

/** The row of a coarser matrix; rows of both are counted from the unit that holds the first query. */
function rowOf(first: Int, unit: number, height: number): Int {
  if (height === unit) return ROW;
  return sub(div(add(ROW, div(first, int(unit))), int(height / unit)), div(first, int(height)));
}

function bitsOf(lowering: Lowering, mask: BoolExpr, { heads, rows, columns, counts }: Units, name: string): Cond {
  const to = lowering.bits(name, { heads, ...counts });
  const { module } = lowering;
  const q = isOfPlaces(rows) ? firstAndLast(rows!, ROW) : rowSpan(module.space, rows, ROW);
  const k = isOfPlaces(columns) ? firstAndLast(columns, COLUMN) : columnSpan(columns, COLUMN);
  const pairs = overTokens(module, mask, { q: isOfPlaces(rows), k: isOfPlaces(columns) });
  // Of distances the mask is asked at k = q - distance.
  const asked =
    columns.kind === "keys" ? pairs : mapLeaves(pairs, (leaf) => (leaf.kind === "var" && leaf.name === "k" ? m.sub(m.q, m.k) : leaf));
  lowering.add({
    kind: "pairs",
    name: to.name,
    to,
    columns: columns.kind === "offsets" ? "offsets" : "keys",
    pairs,
    reads: matricesOf(lowering, pairs),
    q0: q.first,
    q1: q.last,
    k0: k.first,
    k1: k.last,
    ...knowledge(asked, wholeTile, factsOf({ ...module, mask: asked })),
    serves: [],
  });
  return { kind: "bit", bits: to, row: rows === undefined ? ZERO : ROW, column: COLUMN };
}

function firstAndLast(axis: RowAxis | ColumnAxis, index: Int): Span {
  const { from, to } = placesOf(axis, index);
  return { first: from, last: sub(to, ONE) };
}

/** The matrices of earlier selections whose bits a mask reads. */
function matricesOf(lowering: Lowering, mask: BoolExpr): readonly Bits[] {
  const found = new Set<Bits>();
  walk(mask, (node) => {
    const matrix = node.kind === "bit" || node.kind === "load" ? lowering.matrix(node.input) : undefined;
    if (matrix !== undefined) found.add(matrix);
  });
  return [...found];
}
