import { inputHead, kvHeadOf } from "../mask/evaluate.js";
import type { BitsValue, MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { positions, queryRows } from "../mask/layout/places.js";
import { compileCond, tileFrame } from "./evaluate.js";
import type { TileFrame } from "./evaluate.js";
import { visitedTiles } from "./plan.js";
import { keyWalks } from "./walks.js";
import type { KeyWalk } from "./walks.js";

/**
 * The key tiles that a tile of queries visits in a walk, in the order of a kernel's loop: range by range, rising,
 * none twice, empty blocks of tiles passed over as a whole. Moves the frame; counts the questions asked.
 */
export function* tilesToVisit(
  walk: Pick<KeyWalk, "ranges" | "spans" | "may" | "list">,
  frame: TileFrame,
  at: { readonly q0: number; readonly q1: number; readonly tileK: number },
  count?: { questions: number },
): Generator<number> {
  if (walk.list !== undefined) return yield* gatheredTiles(walk.may, keyList(frame, walk.list), frame, at, count);
  const { q0, q1, tileK } = at;
  const length = frame.env.N;
  const may = compileCond(walk.may);
  const ranges = visitedTiles(walk.ranges, frame, q0, q1, tileK);
  for (const [index, [first, end]] of ranges.entries()) {
    let tile = first;
    let span = spanAt(walk.spans, tile);
    while (tile < end) {
      Object.assign(frame, { q0, q1, k0: tile * tileK, k1: Math.min((tile + span) * tileK, length) - 1 });
      if (count) count.questions++;
      const looked = may(frame);
      if (looked && span > 1) {
        span = walk.spans[walk.spans.indexOf(span) - 1] ?? 1;
        continue;
      }
      const held = ranges.slice(0, index).some(([a, b]) => a <= tile && tile < b);
      if (looked && !held) yield tile;
      tile += span;
      span = spanAt(walk.spans, tile);
    }
  }
}

/** Tiles of a list: each is asked about the rectangle from its first key to its last. */
function* gatheredTiles(
  may: KeyWalk["may"],
  list: Int32Array,
  frame: TileFrame,
  { q0, q1, tileK }: { readonly q0: number; readonly q1: number; readonly tileK: number },
  count?: { questions: number },
): Generator<number> {
  const looks = compileCond(may);
  for (let tile = 0; tile * tileK < list.length; tile++) {
    const [place, places] = [tile * tileK, list.length];
    Object.assign(frame, { q0, q1, k0: list[place], k1: list[Math.min(place + tileK, places) - 1], place, places });
    if (count) count.questions++;
    if (looks(frame)) yield tile;
  }
}

/** The widest block that begins at a tile. */
function spanAt(spans: readonly number[], tile: number): number {
  return spans.findLast((span) => tile % span === 0) ?? 1;
}

const lists = new WeakMap<BitsValue, Map<number, Int32Array>>();

/** The keys of a list, rising, for the batch entry and head of the frame. Made once for each row of bits. */
export function keyList(frame: TileFrame, name: string): Int32Array {
  const { env, b, h } = frame;
  const bits = env.inputs?.[name];
  if (bits?.kind !== "bits") throw new Error(`the mask environment lacks the list ${name}`);
  const row = (bits.batch === 1 ? 0 : b) * bits.heads + inputHead(bits.heads, h, env.heads, env.kvHeads);
  const known = lists.get(bits) ?? new Map<number, Int32Array>();
  lists.set(bits, known);
  let list = known.get(row);
  if (!list) {
    const set: number[] = [];
    for (let k = 0; k < bits.columns; k++) if (bits.data[row * bits.rows * bits.columns + k] === 1) set.push(k);
    known.set(row, (list = Int32Array.from(set)));
  }
  return list;
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
  const unvisited = new Uint8Array(batch * env.kvHeads * env.N).fill(1);
  const rows = queryRows(module, env);
  const rowsPerQuery = packsHeads ? env.heads / env.kvHeads : 1;
  const end = (rows.end - rows.first) * rowsPerQuery;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < env.heads; h += rowsPerQuery) {
      const frame = tileFrame(module, env, b, h);
      const tokens = positions(module, env, "k", b, h);
      const row = (b * env.kvHeads + kvHeadOf(h, env.heads, env.kvHeads)) * env.N;
      for (const walk of keyWalks(module)) {
        const order = walk.list === undefined ? tokens : keyList(frame, walk.list);
        const places = walk.list === undefined ? env.N : order!.length;
        for (let first = 0; first < end; first += tileQ) {
          const q0 = rows.first + Math.floor(first / rowsPerQuery);
          const q1 = rows.first + Math.floor((Math.min(first + tileQ, end) - 1) / rowsPerQuery);
          for (const tile of tilesToVisit(walk, frame, { q0, q1, tileK })) {
            const endPlace = Math.min((tile + 1) * tileK, places);
            for (let place = tile * tileK; place < endPlace; place++) unvisited[row + (order ? order[place]! : place)] = 0;
          }
        }
      }
    }
  }
  return unvisited;
}
