import { kvHeadOf, type MaskPredicate } from "../reference/problem.js";
import type { UnusedKey } from "./tensors.js";

export interface MaskSizes {
  readonly batch: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly queries: number;
  readonly keys: number;
  readonly firstPosition: number;
}

/** The keys that no query of any head of the group sees, by looking at every pair. */
export function unseenKeys(sizes: MaskSizes, mask: MaskPredicate): UnusedKey {
  const { batch, heads, kvHeads, queries, keys, firstPosition } = sizes;
  const seen = new Uint8Array(batch * kvHeads * keys);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const row = (b * kvHeads + kvHeadOf(sizes, h)) * keys;
      for (let i = 0; i < queries; i++) {
        for (let k = 0; k < keys; k++) if (seen[row + k] === 0 && mask(b, h, firstPosition + i, k)) seen[row + k] = 1;
      }
    }
  }
  return (b, g, k) => seen[(b * kvHeads + g) * keys + k] === 0;
}

/** The keys of those tiles of `tile` keys in which {@link unseenKeys} finds no other: a kernel has no reason to load them. */
export function unseenTiles(sizes: MaskSizes, mask: MaskPredicate, tile: number): UnusedKey {
  const unseen = unseenKeys(sizes, mask);
  return (b, g, k) => {
    const start = Math.floor(k / tile) * tile;
    for (let key = start; key < Math.min(start + tile, sizes.keys); key++) if (!unseen(b, g, key)) return false;
    return true;
  };
}

/** The tiles of keys in which no query of one tile of queries sees anything: those that a kernel should skip. */
export function skippedTiles(
  sizes: MaskSizes,
  mask: MaskPredicate,
  b: number,
  h: number,
  queryTile: number,
  tileQ: number,
  tileK: number,
): readonly number[] {
  const { queries, keys, firstPosition } = sizes;
  const first = queryTile * tileQ;
  const last = Math.min(first + tileQ, queries);
  const skipped: number[] = [];
  for (let start = 0; start < keys; start += tileK) {
    let any = false;
    for (let i = first; i < last && !any; i++) {
      for (let k = start; k < Math.min(start + tileK, keys) && !any; k++) any = mask(b, h, firstPosition + i, k);
    }
    if (!any) skipped.push(start / tileK);
  }
  return skipped;
}
