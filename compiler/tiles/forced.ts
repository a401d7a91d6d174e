import { boundsContext, boundsOf, MAX_LENGTH } from "../mask/bounds.js";
import type { BoolExpr, IntExpr, MaskModule } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { placeOf } from "../mask/layout/placed.js";
import { mapBits } from "../mask/map-bits.js";
import type { Selection } from "../mask/selection.js";
import { simplifyBool } from "../mask/simplify.js";
import { keyOf } from "../mask/walk.js";

/**
 * The mask with what is forced written out beside each selection: pairs of which it is certain, before the data, that they are
 * selected. It means the same. A selection that a caller may give back promises nothing.
 */
export function withForced(module: MaskModule): BoolExpr {
  const certain = new Map<string, BoolExpr>();
  const written = (mask: BoolExpr): BoolExpr => mapBits(mask, (bit) => (certain.has(bit.input) ? m.or(bit, certain.get(bit.input)!) : bit));
  // Others may be forced by those before them.
  for (const item of ownSelections(module)) certain.set(item.name, written(forcedPairs(item, module)));
  return certain.size === 0 ? module.mask : simplifyBool(written(module.mask));
}

/**
 * The mask with all bits of each selection set of which every query of the call keeps a unit: the first key of the unit is one that
 * causality allows the query, because the space has none or because no unit of queries straddles two of keys. Where what is left is
 * causality alone, every query sees that key. So it is with what a later selection is made among: each row then has a candidate left.
 */
export function* withChosen(module: MaskModule): Iterable<BoolExpr> {
  const context = boundsContext(module, MAX_LENGTH);
  const positive = (n: IntExpr): boolean => boundsOf(n, context).low >= 1;
  const causality = causalityKey(module.space);
  const chosen: string[] = [];
  const withAll = (mask: BoolExpr, name: string): BoolExpr =>
    simplifyBool(mapBits(mask, (bit) => (bit.input === name ? m.bool(true) : bit)));
  for (const { name, rows, columns, keep, among } of ownSelections(module)) {
    const seen = !module.space.causal || (rows !== undefined && seesWhatItKeeps(rows, columns));
    if (!seen || columns.kind !== "keys" || keep.scope !== "row" || !keepsOne(keep, positive)) continue;
    if (among !== undefined && !chosen.some((earlier) => keyOf(withAll(among, earlier)) === causality)) continue;
    chosen.push(name);
    yield withAll(module.mask, name);
  }
}

/** By which a mask is known that is causality alone. */
export const causalityKey = ({ causal }: MaskModule["space"]): string => keyOf(simplifyBool(causal ? m.le(m.k, m.q) : m.bool(true)));

/**
 * Whether causality lets every query of a row see a key of each unit that the row may keep: the unit's first one where no unit of
 * queries straddles two of keys. A tile of places has keys, of which causality allows some query of the row the first.
 */
function seesWhatItKeeps(rows: NonNullable<Selection["rows"]>, columns: Selection["columns"]): boolean {
  if (rows.of === undefined && columns.of === undefined) return columns.unit % rows.unit === 0;
  return rows.of === undefined && rows.unit === 1;
}

/** Whether a rule keeps a unit of each row, whatever the scores are. */
function keepsOne({ rule, least, most }: Selection["keep"], positive: (n: IntExpr) => boolean): boolean {
  if (rule.kind === "top") return positive(rule.n);
  const bounded = most === undefined || positive(most);
  const some = (least !== undefined && positive(least)) || (rule.kind === "fraction" && rule.f.kind === "number" && rule.f.value > 0);
  return bounded && some;
}

function ownSelections({ selections, windows }: MaskModule): readonly Selection[] {
  // What is forced among keys is said of positions, which windows are not.
  if (windows !== undefined) return [];
  return (selections ?? []).filter((item) => item.kind === "selection" && item.reuse === undefined) as readonly Selection[];
}

/** Pairs whose units are forced; not all of them. */
function forcedPairs({ force, columns, rows }: Selection, { space }: MaskModule): BoolExpr {
  const { unit } = columns;
  const terms: BoolExpr[] = [];
  const counted = (n: IntExpr | undefined, place: IntExpr): void => {
    if (n !== undefined) terms.push(m.lt(place, n));
  };
  if (force?.pairs !== undefined) terms.push(force.pairs);
  if (columns.kind === "offsets") {
    counted(force?.first, m.div(m.sub(m.q, m.k), m.int(unit)));
    return m.or(m.bool(false), ...terms);
  }
  const placed = columns.of !== undefined;
  const own = m.div(placed ? placeOf("q") : m.q, m.int(unit));
  const at = m.div(placed ? placeOf("k") : m.k, m.int(unit));
  counted(force?.first, at);
  // The unit of a row's last query is the query's own where no unit of queries straddles two of keys.
  const exact = rows !== undefined && unit % rows.unit === 0 && rows.of === columns.of;
  if (exact && force?.local !== undefined) terms.push(m.and(m.le(at, own), m.lt(m.sub(own, at), force.local)));
  const rowsEndWithQuery = space.causal && rows !== undefined;
  if (rowsEndWithQuery && exact) counted(force?.last, m.sub(own, at));
  if (!rowsEndWithQuery) counted(force?.last, m.sub(m.div(m.sub(m.variable("N"), m.int(1)), m.int(unit)), at));
  return m.or(m.bool(false), ...terms);
}
