import { caption, percent } from "./grid.js";
import type { TileGrid } from "./grid.js";

const glyphs = { full: "██", partial: "▒▒", empty: "··" } as const;

/** Draws a grid with block characters, two to a tile so that tiles come out square. */
export function text(grid: TileGrid): string {
  const rows = grid.cells.map((row) => row.map((cell) => glyphs[cell.class]).join(""));
  const head = `${caption(grid)}: ${percent(grid.density)} of ${grid.queries} x ${grid.keys} pairs`;
  const legend = `${glyphs.full} full  ${glyphs.partial} partial  ${glyphs.empty} empty; tiles of ${grid.blockQ} x ${grid.blockK}, queries down, keys across`;
  return [head, ...rows, legend, ""].join("\n");
}
