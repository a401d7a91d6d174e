import type { MaskEnv } from "../mask/evaluate.js";
import { withLayout } from "../mask/layout/placed.js";
import type { MaskModule } from "../mask/ir.js";
import { exactTiles, planTiles } from "../tiles/plan.js";
import type { TileClass } from "../tiles/plan.js";

/** One head's mask as a grid of tiles, ready to be drawn. */
export interface TileGrid {
  readonly title: string;
  readonly head: number;
  /** All heads with this mask, where the picture stands for several. */
  readonly heads?: readonly number[] | undefined;
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
  readonly heads?: readonly number[] | undefined;
  readonly blockQ: number;
  readonly blockK: number;
  /** Called after each row of tiles with the number of those that are done. */
  readonly onRow?: ((done: number) => void) | undefined;
}

/** Exact classes of all tiles of one head, in the order of positions: a layout does not show. */
export function tileGrid(laidOut: MaskModule, call: MaskEnv, options: GridOptions): TileGrid {
  const module: MaskModule = { ...laidOut, layout: undefined };
  const env = withLayout(laidOut, call);
  const cells: Cell[][] = [];
  let pairs = 0;
  for (const tile of exactTiles(module, planTiles(module), env, options)) {
    if (!cells[tile.qTile]) options.onRow?.(tile.qTile);
    (cells[tile.qTile] ??= []).push({ class: tile.class, share: tile.pairs / tile.area });
    pairs += tile.pairs;
  }
  const { blockQ, blockK, head, heads } = options;
  return { title: module.name, head, heads, queries: env.NQ, keys: env.N, blockQ, blockK, cells, density: pairs / (env.NQ * env.N) };
}

/** `sliding, head 0`, or `sliding, heads 0-3, 6`. */
export function caption({ title, head, heads = [head] }: TileGrid): string {
  return `${title}, head${heads.length === 1 ? "" : "s"} ${intervals(heads)}`;
}

/** Rising numbers as intervals: `0-3, 6`. */
export function intervals(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const n of numbers) {
    const last = runs[runs.length - 1];
    if (last && last[1] === n - 1) last[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(", ");
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
