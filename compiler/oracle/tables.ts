import { OracleError } from "./program.js";

/** Values per layer and head: `rows[layer][head]`; one row stands for every layer, one column for every head. */
export interface OracleTable<T = number> {
  readonly rows: readonly (readonly T[])[];
}

/** A cell of a table of patterns: what the head's mask is. */
export interface PatternCell {
  readonly pattern: string;
  /** By name, or in order where there is none. */
  readonly args: readonly { readonly name?: string | undefined; readonly value: number | boolean }[];
}

/**
 * Lines of numbers, parted by commas (`csv`) or by tabs or else blanks (`tsv`). Lines that begin with `#` are
 * remarks; a first line without any number is a heading.
 */
export function readLines(text: string, form: "tsv" | "csv"): OracleTable {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const cells = lines.map((line) => line.split(form === "csv" ? "," : line.includes("\t") ? "\t" : /\s+/).map((cell) => cell.trim()));
  if (cells[0]?.every((cell) => cell === "" || Number.isNaN(Number(cell)))) cells.shift();
  return { rows: cells.map((row) => row.map(toNumber)) };
}

/** JSON: a list of numbers (one row), a list of rows, or an object with such a list under each table's name. */
export function readJson(text: string, name: string): OracleTable | OracleTable<PatternCell> {
  const whole: unknown = JSON.parse(text);
  const lists = isObject(whole) ? whole[name] : whole;
  if (!Array.isArray(lists)) throw new OracleError(`no list for ${name}`);
  const rows: unknown[][] = lists.every((row) => Array.isArray(row) && !isCellList(row)) ? lists : [lists];
  if (typeof rows[0]?.[0] === "number") return { rows: rows.map((row) => row.map(toNumber)) };
  return { rows: rows.map((row) => row.map(toPattern)) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `["pattern", 1, 2]` is a cell, and no row of pattern names. */
function isCellList(row: readonly unknown[]): boolean {
  return typeof row[0] === "string" && row.slice(1).some((item) => typeof item === "number");
}

function toNumber(cell: unknown): number {
  const value = cell === "" || typeof cell === "object" ? NaN : Number(cell);
  if (Number.isNaN(value)) throw new OracleError(`not a number in a table: ${String(cell)}`);
  return value;
}

function toPattern(cell: unknown): PatternCell {
  if (typeof cell === "string") return { pattern: cell, args: [] };
  if (Array.isArray(cell)) return { pattern: String(cell[0]), args: cell.slice(1).map((value) => ({ value: value as number })) };
  if (!isObject(cell)) throw new OracleError("not a pattern in a table");
  const { pattern, args } = cell;
  const list = Array.isArray(args) ? args.map((value) => ({ value: value as number })) : undefined;
  const named = Object.entries((args ?? {}) as Record<string, number | boolean>).map(([name, value]) => ({ name, value }));
  return { pattern: String(pattern), args: list ?? named };
}

/** The p-quantile of all values, linear between neighbours: at place `p * (count - 1)` of the sorted list. */
export function quantile(table: OracleTable, p: number): number {
  const sorted = table.rows.flat().sort((a, b) => a - b);
  const place = p * (sorted.length - 1);
  const low = Math.max(0, Math.min(sorted.length - 1, Math.floor(place)));
  const high = Math.min(sorted.length - 1, low + 1);
  return between(sorted[low]!, sorted[high]!, place - low);
}

/** As NumPy rounds it: from the nearer end, so that both ends are met exactly. */
function between(a: number, b: number, t: number): number {
  return t >= 0.5 ? b - (b - a) * (1 - t) : a + (b - a) * t;
}
