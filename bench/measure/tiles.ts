import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { tileFrame } from "../../compiler/tiles/evaluate.js";
import { queryRows } from "../../compiler/mask/layout/places.js";
import { exactTiles, headKey, planTiles } from "../../compiler/tiles/plan.js";
import { tilesToVisit } from "../../compiler/tiles/visit.js";

/** What attention under a mask has to compute, and what a kernel with tiles of some size computes; over all heads. */
export interface Work {
  /** Pairs that are looked at. */
  readonly pairs: number;
  /** Pairs of the tiles that have such a pair in them. */
  readonly tilePairs: number;
  /** Pairs of the tiles that the kernel visits. */
  readonly visitedPairs: number;
}

/** Counts exactly; heads that the mask cannot tell apart are counted once. */
export function countWork(module: MaskModule, env: MaskEnv, tiles: { readonly tileQ: number; readonly tileK: number }): Work {
  const plan = planTiles(module);
  const known = new Map<string, Work>();
  const sum = { pairs: 0, tilePairs: 0, visitedPairs: 0 };
  for (let head = 0; head < env.heads; head++) {
    const key = headKey(module, env, head);
    const work = known.get(key) ?? countHead(module, plan, env, head, tiles);
    known.set(key, work);
    for (const name of Object.keys(sum) as (keyof Work)[]) sum[name] += work[name];
  }
  return sum;
}

function countHead(
  module: MaskModule,
  plan: ReturnType<typeof planTiles>,
  env: MaskEnv,
  head: number,
  { tileQ, tileK }: { readonly tileQ: number; readonly tileK: number },
): Work {
  let [pairs, tilePairs, visitedPairs] = [0, 0, 0];
  for (const tile of exactTiles(module, plan, env, { head, blockQ: tileQ, blockK: tileK })) {
    pairs += tile.pairs;
    if (tile.class !== "empty") tilePairs += tile.area;
  }
  const frame = tileFrame(module, env, 0, head);
  const rows = queryRows(module, env);
  for (let q0 = rows.first; q0 < rows.end; q0 += tileQ) {
    const q1 = Math.min(q0 + tileQ, rows.end) - 1;
    for (const tile of tilesToVisit(plan, frame, { q0, q1, tileK }))
      visitedPairs += (q1 - q0 + 1) * (Math.min((tile + 1) * tileK, env.N) - tile * tileK);
  }
  return { pairs, tilePairs, visitedPairs };
}
