import { allRows, type Row } from "../reference/problem.js";
import type { Random } from "./random.js";

interface Sizes {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
}

/**
 * At most about `count` rows of an output: all where there are few enough, else for every head its first and
 * last rows and those on both sides of a tile's border, and the rest at random.
 */
export function sampleRows(sizes: Sizes, count: number, random: Random): readonly Row[] {
  const { batch, heads, queries } = sizes;
  if (batch * heads * queries <= count) return allRows(sizes);
  const perHead = Math.max(4, Math.floor(count / (batch * heads)));
  const border = 32 * random.integer(1, Math.max(1, Math.floor(queries / 32) - 1));
  const rows: Row[] = [];
  for (let b = 0; b < batch; b++) {
    for (let head = 0; head < heads; head++) {
      const chosen = new Set([0, queries - 1, border - 1, border].filter((query) => query >= 0 && query < queries));
      while (chosen.size < Math.min(perHead, queries)) chosen.add(random.integer(0, queries - 1));
      for (const query of [...chosen].sort((x, y) => x - y)) rows.push({ batch: b, head, query });
    }
  }
  return rows;
}
