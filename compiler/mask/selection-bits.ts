import type { BoolExpr, IntExpr, Space } from "./ir.js";
import { isOfClusters } from "./clusters.js";
import { placeOf } from "./layout/placed.js";
import * as m from "./make.js";
import type { Selection, SelectionItem } from "./selection.js";

/**
 * The bit of a pair in what was selected: how each matrix is laid out stands at {@link Selection}. Where `k` counts windows, one
 * every `stride` keys, it is that of the block of keys that the window lies in.
 */
export function bitOfPair(item: SelectionItem, space: Space, stride = 1): BoolExpr {
  const zero = m.int(0);
  if (item.kind !== "selection") return m.bit(item.name, zero, zero);
  const { columns, rows, snap, numbered } = item;
  if (columns.kind === "offsets") {
    const column = snap === undefined ? m.div(m.sub(m.q, m.k), m.int(columns.unit)) : m.sub(blockOf(m.q, snap), blockOf(m.k, snap));
    return m.bit(item.name, zero, column);
  }
  const column = columnOf(item, stride);
  if (rows === undefined) return m.bit(item.name, zero, column);
  if (numbered?.rows !== undefined) return m.bit(item.name, m.loadByHead(numbered.rows, placeOf("q")), column);
  if (isOfClusters(rows)) return m.bit(item.name, m.sub(m.q, firstQuery(space)), column);
  if (rows.of !== undefined) return m.bit(item.name, blockOf(placeOf("q"), rows.unit), column);
  return m.bit(item.name, m.sub(blockOf(m.q, snap ?? rows.unit), blockOf(firstQuery(space), snap ?? rows.unit)), column);
}

/** The column of a key, or of a window: windows lie in blocks alone. */
function columnOf({ columns, snap, numbered }: Selection, stride: number): IntExpr {
  if (numbered?.columns !== undefined) return m.loadByHead(numbered.columns, placeOf("k"));
  if (isOfClusters(columns)) return m.k;
  return blockOf(columns.of === undefined ? m.k : placeOf("k"), (snap ?? columns.unit) / stride);
}

function blockOf(position: IntExpr, unit: number): IntExpr {
  return unit === 1 ? position : m.div(position, m.int(unit));
}

/** The position of the first query of a call. */
function firstQuery(space: Space): IntExpr {
  return space.kind === "self" ? m.sub(m.variable("N"), m.variable("NQ")) : m.int(0);
}
