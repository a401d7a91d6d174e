import type { TilePlan } from "./plan.js";
import { visitedTiles } from "./plan.js";
import { compileCond } from "./evaluate.js";
import type { TileFrame } from "./evaluate.js";

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
      if (may(frame) && span > 1) {
        span = plan.spans[plan.spans.indexOf(span) - 1] ?? 1;
        continue;
      }
      const held = ranges.slice(0, index).some(([a, b]) => a <= tile && tile < b);
      if (may(frame) && !held) yield tile;
      tile += span;
      span = spanAt(plan.spans, tile);
    }
  }
}

/** The widest block that begins at a tile. */
function spanAt(spans: readonly number[], tile: number): number {
  return spans.findLast((span) => tile % span === 0) ?? 1;
}
