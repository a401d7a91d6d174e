import { caption, percent } from "./grid.js";
import type { Cell, TileGrid } from "./grid.js";

const CELL = 8;
export const GAP = 24;
export const LEGEND = 44;

export const colours = { full: "#1b4f8f", partial: "#8fb8e8", empty: "#f3f1ec", ink: "#222222" } as const;

/** Most grids in a row. */
const PER_ROW = 4;
export const TITLE = 26;

/** Draws grids side by side and in rows, queries downwards and keys to the right. */
export function svg(grids: readonly TileGrid[]): string {
  const lines = Array.from({ length: Math.ceil(grids.length / PER_ROW) }, (_, i) => grids.slice(i * PER_ROW, (i + 1) * PER_ROW));
  const size = grids[0] === undefined ? "" : sizeOf(grids[0]);
  const width = Math.max(textWidth(size) + 2 * GAP, ...lines.map((line) => line.reduce((sum, grid) => sum + widthOf(grid) + GAP, GAP)));
  const body: string[] = [];
  let y = 0;
  for (const line of lines) {
    let x = GAP;
    for (const grid of line) {
      body.push(...draw(grid, x, y));
      x += widthOf(grid) + GAP;
    }
    y += TITLE + Math.max(...line.map(heightOf)) + 8;
  }
  const height = y + LEGEND;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" fill="${colours.ink}">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...body,
    legend(size, height),
    "</svg>",
    "",
  ].join("\n");
}

/** One grid with its title above it, from a corner. */
export function draw(grid: TileGrid, x: number, y: number): readonly string[] {
  return [
    `<text x="${x}" y="${y + 16}">${escape(titleOf(grid))}</text>`,
    `<g transform="translate(${x} ${y + TITLE})">`,
    `<title>${escape(grid.title)}: rows are queries, columns are keys</title>`,
    `<rect width="${columnsOf(grid) * CELL}" height="${heightOf(grid)}" fill="${colours.empty}" stroke="#cccccc"/>`,
    ...grid.cells.flatMap((row, r) => runs(row).map((run) => rectangle(run, r))),
    "</g>",
  ];
}

const titleOf = (grid: TileGrid): string => `${caption(grid)}: ${percent(grid.density)}`;

export const heightOf = (grid: TileGrid): number => grid.cells.length * CELL;

export const sizeOf = (grid: TileGrid): string =>
  `tiles of ${grid.blockQ} queries x ${grid.blockK} keys; ${grid.queries} queries down, ${grid.keys} keys across`;

/** A letter takes about six units. */
export const textWidth = (text: string): number => text.length * 6;

/** A small grid is as wide as its title. */
export const widthOf = (grid: TileGrid): number => Math.max(columnsOf(grid) * CELL, textWidth(titleOf(grid)));

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

/** What the colours mean, and the sizes, above the lower edge. */
export function legend(size: string, height: number): string {
  const items = (["full", "partial", "empty"] as const).map((name, i) => {
    const x = GAP + i * 62;
    return `<rect x="${x}" y="${height - 34}" width="10" height="10" fill="${colours[name]}" stroke="#cccccc"/><text x="${x + 14}" y="${height - 25}">${name}</text>`;
  });
  return [...items, `<text x="${GAP}" y="${height - 8}">${size}</text>`].join("\n");
}

export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
