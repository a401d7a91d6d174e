import { diagnostic } from "../../../diagnostics/report.js";
import type { Diagnostic } from "../../../diagnostics/diagnostic.js";
import type { Span } from "../../../source/file.js";
import { isOfClusters } from "../../clusters.js";
import { differsByHead } from "../../selection.js";
import type { ColumnAxis, OfClusters, OfPlaces, RowAxis, SelectionHeads, TensorAxes } from "../../selection.js";

type Add = (diagnostic: Diagnostic) => void;

export const noAxes: TensorAxes = { heads: "one", dim: false };

/** The axes of an operation element by element; reports units that differ. */
export function joinAxes(a: TensorAxes, b: TensorAxes, span: Span, add: Add): TensorAxes {
  if (a.rows !== undefined && b.rows !== undefined && !sameRows(a.rows, b.rows))
    reportUnits(describeRows(a.rows), describeRows(b.rows), span, add);
  if (a.columns !== undefined && b.columns !== undefined && !sameColumns(a.columns, b.columns)) {
    reportUnits(describeColumns(a.columns), describeColumns(b.columns), span, add);
  }
  const rows = a.rows ?? b.rows;
  const columns = a.columns ?? b.columns;
  return axesOf({ heads: finer(a.heads, b.heads), rows, columns, dim: a.dim || b.dim });
}

/** Without the fields of axes that are not there. */
export function axesOf({ heads: fewest, rows, columns, dim }: TensorAxes): TensorAxes {
  const byHead = differsByHead(rows?.of) || (columns !== undefined && differsByHead(ofOf(columns)));
  const heads = byHead && fewest === "one" ? "kv" : fewest;
  return { heads, ...(rows === undefined ? {} : { rows }), ...(columns === undefined ? {} : { columns }), dim };
}

export function reportUnits(left: string, right: string, span: Span, add: Add): void {
  add(diagnostic("ATTN3017", span, { left, right }));
}

function finer(a: SelectionHeads, b: SelectionHeads): SelectionHeads {
  if (a === "query" || b === "query") return "query";
  return a === "kv" || b === "kv" ? "kv" : "one";
}

export function sameRows(a: RowAxis, b: RowAxis): boolean {
  return a.unit === b.unit && a.last === b.last && a.of === b.of;
}

export function sameColumns(a: ColumnAxis, b: ColumnAxis): boolean {
  return a.kind === b.kind && a.unit === b.unit && strideOf(a) === strideOf(b) && ofOf(a) === ofOf(b) && isWhole(a) === isWhole(b);
}

const isWhole = (axis: ColumnAxis): boolean => axis.kind === "keys" && axis.whole === true;

/** Whether units follow one another and hold all keys: windows do not. */
export const holdsAll = (axis: ColumnAxis): boolean => strideOf(axis) === axis.unit && !isWhole(axis);

export function strideOf(axis: ColumnAxis): number {
  return axis.kind === "keys" ? axis.stride : axis.unit;
}

export function keys(unit: number, stride = unit): Extract<ColumnAxis, { readonly kind: "keys" }> {
  return { kind: "keys", unit, stride };
}

/** Windows of n keys that fit whole. */
export const windows = (n: number, stride: number): ColumnAxis => ({
  ...keys(n, stride),
  ...(n === stride && n > 1 ? { whole: true } : {}),
});

/** Units of positions, or of something else. */
export function inUnits<Of extends UnitOf>(unit: number, of: Of | undefined): { readonly unit: number; readonly of?: Of } {
  return of === undefined ? { unit } : { unit, of };
}

/** What units are of that are not blocks of positions: neighbouring places of a layout, or clusters. */
export type UnitOf = OfPlaces | OfClusters;

const ofOf = (axis: ColumnAxis): UnitOf | undefined => (axis.kind === "keys" ? axis.of : undefined);

/**
 * Whether the units of an axis lie in those of a coarser one as far as their kinds go: positions one by one lie in both
 * positions and places.
 */
export function sameKind(finer: RowAxis | ColumnAxis, coarser: RowAxis | ColumnAxis): boolean {
  const of = (axis: RowAxis | ColumnAxis): RowAxis["of"] => ("of" in axis ? axis.of : undefined);
  const single = finer.unit === 1 && of(finer) === undefined && !("stride" in finer && finer.stride !== 1);
  return single || of(finer) === of(coarser);
}

export function describeRows({ unit, last, of }: RowAxis): string {
  if (last !== undefined) return `the last ${last} queries`;
  if (of !== undefined) return isOfClusters({ of }) ? `${unit} clusters of queries` : `tiles of ${unit} queries`;
  return unit === 1 ? "queries" : `blocks of ${unit} queries`;
}

export function describeColumns(axis: ColumnAxis): string {
  const what = axis.kind === "keys" ? "keys" : "distances";
  if (!holdsAll(axis)) return `windows of ${axis.unit} ${what}, one every ${strideOf(axis)}`;
  if (ofOf(axis) !== undefined) return isOfClusters(axis) ? `${axis.unit} clusters of keys` : `tiles of ${axis.unit} keys`;
  return axis.unit === 1 ? what : `blocks of ${axis.unit} ${what}`;
}
