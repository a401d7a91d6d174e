import { kvHeadOf } from "../mask/evaluate.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { positions, queryRows } from "../mask/layout/places.js";
import { compileCond, tileFrame } from "./evaluate.js";
import type { TileFrame } from "./evaluate.js";
import { planTiles, visitedTiles } from "./plan.js";
import type { TilePlan } from "./plan.js";

/**
 * The key tiles that a tile of queries visits, in the order of a kernel's loop: range by range, rising,
 * none twice, empty blocks of tiles passed over as a whole. Moves the frame; counts the questions asked.
 */
export function* tilesToVisit(
  plan: Pick<TilePlan, "ranges" | "spans" | "may">,
  frame: TileFrame,
  at: { readonly q0: number; readonly q1: number; readonly tileK: number },
  count?: { questions: number },
): Generator<number> {
  const { q0, q1, tileK } = at;
  const length = frame.env.N;
  const may = compileCond(plan.may);
  const ranges = visitedTiles(plan.ranges, frame, q0, q1, tileK);
  for (const [index, [first, end]] of ranges.entries()) {
    let tile = first;
    let span = spanAt(plan.spans, tile);
    while (tile < end) {
      Object.assign(frame, { q0, q1, k0: tile * tileK, k1: Math.min((tile + span) * tileK, length) - 1 });
      if (count) count.questions++;
      const looked = may(frame);
      if (looked && span > 1) {
        span = plan.spans[plan.spans.indexOf(span) - 1] ?? 1;
        continue;
      }
      const held = ranges.slice(0, index).some(([a, b]) => a <= tile && tile < b);
      if (looked && !held) yield tile;
      tile += span;
      span = spanAt(plan.spans, tile);
    }
  }
}

/** The widest block that begins at a tile. */
function spanAt(spans: readonly number[], tile: number): number {
  return spans.findLast((span) => tile % span === 0) ?? 1;
}

/**
 * The keys that no query tile of any head of a kv head's group visits: a kernel with these tiles loads
 * nothing of them. With `packsHeads` a tile has rows for all heads of a group, query by query. Key `k` of kv head `g` of batch entry `b` is at `[(b * kvHeads + g) * N + k]`, 1 where unvisited.
 */
export function unvisitedKeys(
  module: MaskModule,
  env: MaskEnv,
  batch: number,
  { tileQ, tileK, packsHeads = false }: { readonly tileQ: number; readonly tileK: number; readonly packsHeads?: boolean },
): Uint8Array {
  const plan = planTiles(module);
  const unvisited = new Uint8Array(batch * env.kvHeads * env.N).fill(1);
  const rows = queryRows(module, env);
  const tokens = positions(module, env);
  const rowsPerQuery = packsHeads ? env.heads / env.kvHeads : 1;
  const end = (rows.end - rows.first) * rowsPerQuery;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < env.heads; h += rowsPerQuery) {
      const frame = tileFrame(module, env, b, h);
      const row = (b * env.kvHeads + kvHeadOf(h, env.heads, env.kvHeads)) * env.N;
      for (let first = 0; first < end; first += tileQ) {
        const q0 = rows.first + Math.floor(first / rowsPerQuery);
        const q1 = rows.first + Math.floor((Math.min(first + tileQ, end) - 1) / rowsPerQuery);
        for (const tile of tilesToVisit(plan, frame, { q0, q1, tileK })) {
          const endKey = Math.min((tile + 1) * tileK, env.N);
          for (let k = tile * tileK; k < endKey; k++) unvisited[row + (tokens ? tokens[k]! : k)] = 0;
        }
      }
    }
  }
  return unvisited;
}
