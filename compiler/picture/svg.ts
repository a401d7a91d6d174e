import { percent } from "./grid.js";
import type { Cell, TileGrid } from "./grid.js";

const CELL = 8;
const GAP = 24;
const LEGEND = 44;

export const colours = { full: "#1b4f8f", partial: "#8fb8e8", empty: "#f3f1ec", ink: "#222222" } as const;

/** Draws grids side by side, one for each head, queries downwards and keys to the right. */
export function svg(grids: readonly TileGrid[]): string {
  const width = grids.reduce((sum, g) => sum + columnsOf(g) * CELL + GAP, GAP);
  const height = Math.max(...grids.map((g) => g.cells.length * CELL)) + LEGEND + 34;
  const parts: string[] = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" fill="${colours.ink}">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
  ];
  let x = GAP;
  for (const grid of grids) {
    parts.push(`<text x="${x}" y="16">${escape(grid.title)}, head ${grid.head}: ${percent(grid.density)}</text>`);
    parts.push(`<g transform="translate(${x} 26)">`, `<title>${escape(grid.title)}: rows are queries, columns are keys</title>`);
    parts.push(`<rect width="${columnsOf(grid) * CELL}" height="${grid.cells.length * CELL}" fill="${colours.empty}" stroke="#cccccc"/>`);
    grid.cells.forEach((row, r) => parts.push(...runs(row).map((run) => rectangle(run, r))));
    parts.push("</g>");
    x += columnsOf(grid) * CELL + GAP;
  }
  parts.push(legend(grids[0], height));
  parts.push("</svg>", "");
  return parts.join("\n");
}

const columnsOf = (grid: TileGrid): number => grid.cells[0]?.length ?? 0;

interface Run {
  readonly class: Cell["class"];
  readonly start: number;
  end: number;
}

/** Neighbours of one class in a row become one rectangle: pictures stay small. */
function runs(row: readonly Cell[]): readonly Run[] {
  const found: Run[] = [];
  row.forEach((cell, column) => {
    const last = found[found.length - 1];
    if (last && last.class === cell.class) last.end = column + 1;
    else found.push({ class: cell.class, start: column, end: column + 1 });
  });
  return found.filter((run) => run.class !== "empty");
}

function rectangle(run: Run, row: number): string {
  const width = (run.end - run.start) * CELL;
  return `<rect x="${run.start * CELL}" y="${row * CELL}" width="${width}" height="${CELL}" fill="${colours[run.class]}"/>`;
}

function legend(grid: TileGrid | undefined, height: number): string {
  if (!grid) return "";
  const items = (["full", "partial", "empty"] as const).map((name, i) => {
    const x = GAP + i * 62;
    return `<rect x="${x}" y="${height - 34}" width="10" height="10" fill="${colours[name]}" stroke="#cccccc"/><text x="${x + 14}" y="${height - 25}">${name}</text>`;
  });
  const size = `tiles of ${grid.blockQ} queries x ${grid.blockK} keys; ${grid.queries} queries down, ${grid.keys} keys across`;
  return [...items, `<text x="${GAP}" y="${height - 8}">${size}</text>`].join("\n");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
