import type { MaskModule } from "../mask/ir.js";
import { clustersOf, isOfClusters } from "../mask/clusters.js";
import { differsByHead } from "../mask/selection.js";
import type { ColumnAxis, OfClusters, RowAxis, SelectionHeads, TensorAxes } from "../mask/selection.js";
import { candidate, candidateCount, columnCount, columnSpan, firstQuery, rowSpan } from "./axes.js";
import { haveMembers, positionOfCluster, sizeOfCluster } from "./clusters.js";
import { add, ALWAYS, and, int, le, min, mul, named, shape, sub, tokenAt, ZERO } from "./int.js";
import type { Bits, Cond, Int, Real, Tensor } from "./ir.js";
import { binary, choose, float, loop, number } from "./reals.js";

/**
 * Units of places of a layout: which positions they hold is found place by place. Their least and greatest positions,
 * and how many queries a unit of rows holds, are tensors of a few numbers that other stages read. Float32 holds every
 * position.
 */
export interface PlaceContext {
  readonly module: MaskModule;
  readonly map: (name: string, axes: TensorAxes, value: Real) => Tensor;
  readonly fresh: () => string;
  /** Makes a tensor of numbers for each head that no loop over strips divides. */
  readonly table: (name: string, heads: SelectionHeads, extents: { readonly rows?: Int; readonly columns: Int }, value: Real) => Tensor;
  /** Where the clusters of tokens are: a bit for each token, in the column of its own. */
  readonly assignment: (of: OfClusters) => Bits;
  /** The matrix of a selection, or of an order, that is lowered. */
  readonly matrix: (name: string) => Bits | undefined;
  /** Makes a tensor once for a program. */
  readonly onceFor: (key: string, make: () => Tensor) => Tensor;
}

/** Whether the units of an axis are no runs of positions: of places, or of what else is not in order. */
export const isOfPlaces = (axis: RowAxis | ColumnAxis | undefined): boolean => axis !== undefined && "of" in axis && axis.of !== undefined;

/** Tokens of an order that is an input may differ from kv head to kv head. */
const headsOf = (axis: RowAxis | ColumnAxis): "kv" | "one" => ("of" in axis && differsByHead(axis.of) ? "kv" : "one");
const headOf = (axis: RowAxis | ColumnAxis): Int => (headsOf(axis) === "kv" ? named("kvh") : ZERO);

/** The places of a unit of a layout: from, and up to but without. */
export function placesOf({ unit }: { readonly unit: number }, index: Int): { readonly from: Int; readonly to: Int } {
  const from = mul(index, int(unit));
  return { from, to: min(add(from, int(unit)), shape("N")) };
}

/** The position of the query or key at a place. */
export function tokenOf({ module: { layout }, matrix }: PlaceContext, axis: "q" | "k", place: Int): Int {
  const token = layout?.tokens[axis];
  const order = token?.kind === "load" && token.byHead === true ? token.input : undefined;
  return tokenAt(axis, place, order, order === undefined ? undefined : matrix(order));
}

/** The row of the call that the token at a place has; negative where it is no query of the call. */
export const rowAt = (context: PlaceContext, place: Int): Int => sub(tokenOf(context, "q", place), firstQuery(context.module.space));

/** Whether the token at a place is a query of the call. */
export const isQuery = (context: PlaceContext, place: Int): Cond => le(ZERO, rowAt(context, place));

/** The least or the greatest position of the queries of a row: -1 for the greatest of none. */
export function positionOfRow(context: PlaceContext, axis: RowAxis, row: Int, end: "first" | "last"): Real {
  const of = clustersOf(axis);
  if (of !== undefined) return positionOfCluster(context, of, row, end);
  if (!isOfPlaces(axis)) return float(rowSpan(context.module.space, axis, row)[end]);
  const none = end === "last" ? number(-1) : float(shape("N"));
  const tensor = overRow(context, axis, `${end} query of a tile`, end === "last" ? "max" : "min", (place) =>
    choose(isQuery(context, place), float(tokenOf(context, "q", place)), none),
  );
  return { kind: "load", from: tensor, at: { head: headOf(axis), row } };
}

/** The least or the greatest position of the keys of a column. */
export function positionOfColumn(context: PlaceContext, axis: ColumnAxis, column: Int, end: "first" | "last"): Real {
  const of = clustersOf(axis);
  if (of !== undefined) return positionOfCluster(context, of, column, end);
  if (!isOfPlaces(axis)) return float(columnSpan(axis, column)[end]);
  const tensor = context.onceFor(`${end} key ${axis.unit}`, () => {
    const i = named(context.fresh());
    const { from, to } = placesOf(axis, named("column"));
    const value = loop(end === "last" ? "max" : "min", i.name, from, to, float(tokenOf(context, "k", i)));
    return context.map(`${end} key of a tile`, { heads: headsOf(axis), columns: axis, dim: false }, value);
  });
  return { kind: "load", from: tensor, at: { head: headOf(axis), column } };
}

/** How many queries of the call a unit of rows holds. */
export function queriesOfRow(context: PlaceContext, axis: RowAxis, row: Int): Real {
  const of = clustersOf(axis);
  if (of !== undefined) return float(sizeOfCluster(context, of, row));
  const one = (place: Int): Real => choose(isQuery(context, place), number(1), number(0));
  return { kind: "load", from: overRow(context, axis, "queries of a tile", "sum", one), at: { head: headOf(axis), row } };
}

function overRow(context: PlaceContext, axis: RowAxis, name: string, op: "sum" | "min" | "max", body: (place: Int) => Real): Tensor {
  return context.onceFor(`${name} ${axis.unit}`, () => {
    const i = named(context.fresh());
    const { from, to } = placesOf(axis, named("row"));
    return context.map(name, { heads: headsOf(axis), rows: axis, dim: false }, loop(op, i.name, from, to, body(i)));
  });
}

/** Whether a pair of a row and a column is a candidate. A row without a query has none. */
export function candidateIn(
  context: PlaceContext,
  rows: RowAxis | undefined,
  columns: ColumnAxis | undefined,
  row: Int,
  column: Int,
): Cond {
  const { space } = context.module;
  if (columns?.kind === "centroids") return ALWAYS;
  if (isOfClusters(rows) || isOfClusters(columns)) return candidateClusters(context, rows, columns, row, column);
  if (!isOfPlaces(rows) && !isOfPlaces(columns)) return candidate(space, rows, columns, row, column);
  if (rows === undefined) return ALWAYS;
  if (!space.causal || columns === undefined)
    return isOfPlaces(rows) ? nonzero(number(0), positionOfRow(context, rows, row, "last")) : ALWAYS;
  return nonzero(positionOfColumn(context, columns, column, "first"), positionOfRow(context, rows, row, "last"));
}

function candidateClusters(context: PlaceContext, rows: RowAxis | undefined, columns: ColumnAxis | undefined, row: Int, column: Int): Cond {
  const some = haveMembers(context, clustersOf(rows), clustersOf(columns), row, column);
  if (rows === undefined) return some;
  if (!context.module.space.causal || columns === undefined) {
    // A tile of queries may hold none of the call.
    const queried = isOfPlaces(rows) && !isOfClusters(rows) ? nonzero(number(0), positionOfRow(context, rows, row, "last")) : ALWAYS;
    return and(some, queried);
  }
  return and(some, nonzero(positionOfColumn(context, columns, column, "first"), positionOfRow(context, rows, row, "last")));
}

const nonzero = (least: Real, most: Real): Cond => ({ kind: "nonzero", a: binary("le", least, most) });

/** The columns among which the candidates of a row are: as many from the first on, of those that pass the test. */
export function candidatesOf(
  context: PlaceContext,
  rows: RowAxis | undefined,
  columns: ColumnAxis,
  row: Int,
): { readonly to: Int; readonly among: (column: Int) => Cond } {
  if (!isOfPlaces(rows) && !isOfPlaces(columns)) {
    return { to: candidateCount(context.module.space, rows, columns, row), among: () => ALWAYS };
  }
  return { to: columnCount(columns), among: (column) => candidateIn(context, rows, columns, row, column) };
}
