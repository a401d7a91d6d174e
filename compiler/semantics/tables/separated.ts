import { span, type SourceFile } from "../../source/file.js";
import type { Cells, TableProblem } from "./cells.js";

/**
 * Reads numbers separated by tabs or commas, one row to a line. Blank lines and lines that start with
 * `#` are skipped, and so is a first line without a single number: a header.
 */
export function readSeparated(file: SourceFile, separator: "\t" | ","): Cells | TableProblem {
  const rows: number[][] = [];
  let first = true;
  for (const [i, start] of file.lineStarts.entries()) {
    const line = file.text.slice(start, file.lineStarts[i + 1] ?? file.text.length).trimEnd();
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const cells = split(line, separator);
    const header = first && cells.every((cell) => numberOf(cell.text) === undefined);
    first = false;
    if (header) continue;
    const row: number[] = [];
    for (const cell of cells) {
      const value = numberOf(cell.text);
      const at = span(file, start + cell.start, start + cell.start + Math.max(1, cell.text.length));
      if (value === undefined) return { kind: "value", span: at, found: cell.text };
      row.push(value);
    }
    const expected = rows[0]?.length ?? row.length;
    if (row.length !== expected) return { kind: "ragged", span: span(file, start, start + line.length), expected, found: row.length };
    rows.push(row);
  }
  if (rows.length === 0) return { kind: "empty", span: span(file, 0, 0) };
  return { kind: "cells", rows: rows.length, columns: rows[0]!.length, values: rows.flat() };
}

/** The cells of a line, trimmed, with where each starts in it. Runs of blanks separate as a tab does: many writers use them. */
function split(line: string, separator: "\t" | ","): { readonly text: string; readonly start: number }[] {
  const pattern = separator === "," ? /[^,]*/g : line.includes("\t") ? /[^\t]*/g : /[^ ]+/g;
  const cells: { text: string; start: number }[] = [];
  let expectAt = 0;
  for (const match of line.matchAll(pattern)) {
    // After a cell that is not empty the pattern matches once more, emptily, right at its end.
    if (match[0] === "" && match.index < expectAt) continue;
    const lead = match[0].length - match[0].trimStart().length;
    cells.push({ text: match[0].trim(), start: match.index + lead });
    expectAt = match.index + match[0].length + 1;
  }
  return cells;
}

function numberOf(text: string): number | undefined {
  if (!/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}
