import { percent } from "../picture/grid.js";
import type { HeadFidelity } from "../../runtime/verify/fidelity.js";

/** What `attnc fidelity` found. */
export interface FidelityReport {
  readonly name: string;
  /** What made the selections; undefined where there are none. */
  readonly selector?: string | undefined;
  /** The branches of an attention with several: those that see keys one by one, and those that see windows of them. */
  readonly branches?: { readonly keys: readonly string[]; readonly windows: readonly string[] } | undefined;
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly heads: readonly HeadFidelity[];
}

export function fidelityJson({ name, selector, branches, batch, queries, keys, heads }: FidelityReport): unknown {
  const present = { ...(selector === undefined ? {} : { selector }), ...(branches === undefined ? {} : { branches }) };
  return { version: 1, name, ...present, batch, q: queries, k: keys, heads };
}

/** A line for each head, and one for all. */
export function fidelityText(report: FidelityReport): string {
  const { heads, name, queries, keys, selector } = report;
  const [first] = heads;
  const rows = first!.rows === report.batch * queries ? "all rows" : `${first!.rows} rows of ${report.batch * queries} a head`;
  const title = `${name} against full attention: ${queries} queries, ${keys} keys, ${rows}${selector === undefined ? "" : `; selected by ${selector}`}`;
  const table = [
    ["head", "density", "mass kept", "worst row", "output error", "worst row", "empty rows"],
    ...heads.map((head) => [String(head.head), ...cells(head)]),
    ...(heads.length > 1 ? [["all", ...cells(together(heads))]] : []),
  ];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "));
  return [title, ...noteOf(report), "", ...lines].join("\n");
}

/** What the columns count where the output is a mix. */
function noteOf({ branches }: FidelityReport): readonly string[] {
  if (branches === undefined) return [];
  const { keys, windows } = branches;
  const counted = `density and mass: keys that ${keys.join(" or ")} ${keys.length > 1 ? "see" : "sees"}; output error: the mix of all branches`;
  return [windows.length === 0 ? counted : `${counted}, ${windows.join(" and ")} over windows of keys among them`];
}

function cells({ density, mass, error, empty }: HeadFidelity): readonly string[] {
  const place = (value: string, query: number): string => `${value} (query ${query})`;
  return [
    percent(density),
    percent(mass.mean),
    place(percent(mass.worst.value), mass.worst.query),
    error.relL2.toPrecision(3),
    place(error.worst.value.toPrecision(3), error.worst.query),
    String(empty),
  ];
}

/** Means over the heads, and the worst rows of all. */
function together(heads: readonly HeadFidelity[]): HeadFidelity {
  const mean = (of: (head: HeadFidelity) => number): number => heads.reduce((sum, head) => sum + of(head), 0) / heads.length;
  const worst = heads.reduce((a, b) => (b.mass.worst.value < a.mass.worst.value ? b : a)).mass.worst;
  const error = heads.reduce((a, b) => (b.error.worst.value > a.error.worst.value ? b : a)).error.worst;
  return {
    head: -1,
    rows: heads[0]!.rows,
    density: mean(({ density }) => density),
    mass: { mean: mean(({ mass }) => mass.mean), worst },
    error: { relL2: mean((head) => head.error.relL2), worst: error },
    empty: heads.reduce((sum, head) => sum + head.empty, 0),
  };
}
