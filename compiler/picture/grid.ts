import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { exactTiles, planTiles } from "../tiles/plan.js";
import type { TileClass } from "../tiles/plan.js";

/** One head's mask as a grid of tiles, ready to be drawn. */
export interface TileGrid {
  readonly title: string;
  readonly head: number;
  readonly queries: number;
  readonly keys: number;
  readonly blockQ: number;
  readonly blockK: number;
  /** `cells[row][column]`, rows are query tiles. */
  readonly cells: readonly (readonly Cell[])[];
  /** Share of all query-key pairs that are looked at. */
  readonly density: number;
}

export interface Cell {
  readonly class: TileClass;
  /** Share of the tile's pairs that are looked at. */
  readonly share: number;
}

export interface GridOptions {
  readonly head: number;
  readonly blockQ: number;
  readonly blockK: number;
}

/** Exact classes of all tiles of one head. */
export function tileGrid(module: MaskModule, env: MaskEnv, options: GridOptions): TileGrid {
  const cells: Cell[][] = [];
  let pairs = 0;
  for (const tile of exactTiles(module, planTiles(module), env, options)) {
    (cells[tile.qTile] ??= []).push({ class: tile.class, share: tile.pairs / tile.area });
    pairs += tile.pairs;
  }
  const { blockQ, blockK, head } = options;
  return { title: module.name, head, queries: env.NQ, keys: env.N, blockQ, blockK, cells, density: pairs / (env.NQ * env.N) };
}

/** The least power of two for which a picture has at most `most` tiles on its longer side. */
export function blockFor(length: number, most: number): number {
  let block = 1;
  while (length / block > most) block *= 2;
  return block;
}

/** "12.5%", with as many digits as it takes to tell a sparse pattern from none. */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0 || value >= 10) return `${value.toFixed(1)}%`;
  return `${value.toPrecision(3)}%`;
}
