import type { TileGrid } from "./grid.js";
import { colours } from "./svg.js";

/** Pixels in RGBA, row by row. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Draws a grid with squares of `size` pixels; partial tiles are shaded by their share of pairs. */
export function raster(grid: TileGrid, size: number): Raster {
  const width = (grid.cells[0]?.length ?? 0) * size;
  const height = grid.cells.length * size;
  const data = new Uint8Array(width * height * 4);
  grid.cells.forEach((row, r) =>
    row.forEach((cell, c) => {
      const [from, to] = cell.class === "partial" ? ["partial", "full"] : [cell.class, cell.class];
      const rgb = mix(colours[from as "full"], colours[to as "full"], cell.share * 0.6);
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++) data.set([...rgb, 255], ((r * size + y) * width + c * size + x) * 4);
      }
    }),
  );
  return { width, height, data };
}

function mix(from: string, to: string, share: number): readonly number[] {
  const channel = (colour: string, i: number): number => parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16);
  return [0, 1, 2].map((i) => Math.round(channel(from, i) * (1 - share) + channel(to, i) * share));
}
