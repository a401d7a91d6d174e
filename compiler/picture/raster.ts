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

/** Pictures in rows of at most `columns`, with white between them. */
export function arrange(pictures: readonly Raster[], columns: number, gap: number): Raster {
  const cellWidth = Math.max(...pictures.map((p) => p.width)) + gap;
  const cellHeight = Math.max(...pictures.map((p) => p.height)) + gap;
  const width = Math.min(pictures.length, columns) * cellWidth - gap;
  const height = Math.ceil(pictures.length / columns) * cellHeight - gap;
  const data = new Uint8Array(width * height * 4).fill(255);
  pictures.forEach((picture, i) => {
    const [left, top] = [(i % columns) * cellWidth, Math.floor(i / columns) * cellHeight];
    for (let y = 0; y < picture.height; y++) {
      const row = picture.data.subarray(y * picture.width * 4, (y + 1) * picture.width * 4);
      data.set(row, ((top + y) * width + left) * 4);
    }
  });
  return { width, height, data };
}

function mix(from: string, to: string, share: number): readonly number[] {
  const channel = (colour: string, i: number): number => parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16);
  return [0, 1, 2].map((i) => Math.round(channel(from, i) * (1 - share) + channel(to, i) * share));
}
