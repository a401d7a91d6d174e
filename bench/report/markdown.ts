import type { Cell, Column, Section, Table } from "./section.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Three significant digits, without exponents: times and ratios between 0.001 and a million. */
function digits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

function bytes(value: number): string {
  let [size, unit] = [value, 0];
  while (size >= 1024 && unit < UNITS.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${unit === 0 ? size : digits(size)} ${UNITS[unit]}`;
}

/** A cell as text; what is not there is a dash. */
export function formatCell(kind: Column["kind"], cell: Cell): string {
  if (cell === undefined || (typeof cell === "number" && Number.isNaN(cell))) return "–";
  if (typeof cell === "string") return cell;
  if (cell === Infinity) return "∞";
  switch (kind) {
    case "milliseconds":
      return digits(cell);
    case "ratio":
      return `${digits(cell)}x`;
    case "percent":
      return `${(cell * 100).toFixed(cell < 0.1 ? 1 : 0)}%`;
    case "error":
      return cell.toExponential(1);
    case "bytes":
      return bytes(cell);
    case "count":
      return String(cell);
    case "text":
      return digits(cell);
  }
}

const escape = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

function table({ title, columns, rows }: Table): string {
  const cells = [
    columns.map((column) => column.title),
    ...rows.map((row) => columns.map(({ key, kind }) => escape(formatCell(kind, row[key])))),
  ];
  const widths = columns.map((_, i) => Math.max(3, ...cells.map((line) => line[i]!.length)));
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, i) => (columns[i]!.kind === "text" ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join(" | ")} |`;
  const rule = `| ${columns.map(({ kind }, i) => (kind === "text" ? "-".repeat(widths[i]!) : `${"-".repeat(widths[i]! - 1)}:`)).join(" | ")} |`;
  return `### ${title}\n\n${line(cells[0]!)}\n${rule}\n${cells.slice(1).map(line).join("\n")}\n`;
}

/** A section as Markdown: title, notes, tables. */
export function sectionMarkdown(section: Section): string {
  const notes = section.notes.map((note) => `- ${note}`).join("\n");
  return [`## ${section.title}`, notes, ...section.tables.map(table)].filter((part) => part !== "").join("\n\n");
}
