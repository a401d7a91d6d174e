import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { compileMask } from "../mask/compile.js";
import type { Looks } from "../mask/compile.js";
import { unionOfHeads } from "./closed.js";
import type { OneMask } from "./closed.js";
import { readsInputs } from "./decode.js";
import { planTiles } from "./plan.js";
import { dependsOnLayer } from "./receptive.js";
import { tilePlane } from "./subdivide.js";
import type { TilePlane } from "./subdivide.js";

/** From how many tokens information reaches the last query, at lengths that are too great for all pairs. */
export interface LastQueryReach {
  readonly length: number;
  /** After 1, 2, 4, 8, … layers, and the last number of them that adds any. */
  readonly layers: readonly { readonly layers: number; readonly keys: number }[];
  /** The layers after which it is all of them; absent where more layers add nothing before that. */
  readonly covers?: number | undefined;
}

const BLOCK = 64;
/** Pairs in partial tiles that are looked at in all: a few seconds. */
const MOST_LOOKED = 1e8;

/** Undefined where layers differ or the length is fixed and has too many partial tiles. */
export function lastQueryReach(module: MaskModule, env: MaskEnv, onLayer?: (done: number) => void): LastQueryReach | undefined {
  if (module.space.kind === "cross" || dependsOnLayer(module)) return undefined;
  const fixed = module.space.axes.length > 0 || readsInputs(module);
  if (readsInputs(module) && env.NQ !== env.N) return undefined;
  const heads = Array.from({ length: env.heads }, (_, head) => head);
  for (let length = env.N; length >= 1; length = Math.floor(length / 2)) {
    const seen = unionOfHeads(module, { ...env, N: length, NQ: length }, heads);
    const plane = tilePlane(seen.module, planTiles(seen.module), seen.env, { head: 0, blockQ: BLOCK, blockK: BLOCK });
    if (plane.sums().partial * BLOCK * BLOCK <= MOST_LOOKED) return follow(seen, plane, onLayer);
    if (fixed) return undefined;
  }
  return undefined;
}

function follow(seen: OneMask, plane: TilePlane, onLayer?: (done: number) => void): LastQueryReach {
  const length = seen.env.N;
  const looks = compileMask(seen.module, seen.env, 0, 0);
  const reached = new Reached(length);
  let fresh: number[] = [];
  reached.add(length - 1, length, fresh);
  const layers: { layers: number; keys: number }[] = [];
  for (let depth = 1; ; depth++) {
    // What a layer brings to a token it had before is there already: only those that are new are followed.
    const next: number[] = [];
    for (const queries of byTile(fresh)) addKeys(queries, plane, looks, reached, next);
    onLayer?.(depth);
    const power = (depth & (depth - 1)) === 0;
    if (power || next.length === 0 || reached.count === length) {
      if (next.length > 0 || depth === 1) layers.push({ layers: depth, keys: reached.count });
      else if (layers[layers.length - 1]!.keys < reached.count) layers.push({ layers: depth - 1, keys: reached.count });
    }
    if (reached.count === length) return { length, layers, covers: depth };
    if (next.length === 0) return { length, layers };
    fresh = next;
  }
}

/** Positions in groups of one tile of queries. */
function byTile(positions: readonly number[]): readonly (readonly number[])[] {
  const groups = new Map<number, number[]>();
  for (const q of positions) {
    const tile = Math.floor(q / BLOCK);
    const group = groups.get(tile);
    if (group) group.push(q);
    else groups.set(tile, [q]);
  }
  return [...groups.values()];
}

/** Adds the keys that these queries of one tile look at, those that were not reached before to `fresh`, too. */
function addKeys(queries: readonly number[], plane: TilePlane, looks: Looks, reached: Reached, fresh: number[]): void {
  plane.row(Math.floor(queries[0]! / BLOCK), (run) => {
    const [first, end] = [run.first * BLOCK, Math.min(run.end * BLOCK, reached.length)];
    if (run.class === "full") reached.add(first, end, fresh);
    else {
      for (let k = reached.next(first); k < end; k = reached.next(k + 1)) {
        if (queries.some((q) => looks(q, k))) reached.add(k, k + 1, fresh);
      }
    }
  });
}

/** A growing set of positions that knows the next one that is not in it. */
class Reached {
  count = 0;
  private readonly skip: Int32Array;

  constructor(readonly length: number) {
    this.skip = Int32Array.from({ length: length + 1 }, (_, i) => i);
  }

  /** The least position from `from` on that is not reached; the length where there is none. */
  next(from: number): number {
    const { skip } = this;
    let at = from;
    while (skip[at] !== at) {
      skip[at] = skip[skip[at]!]!;
      at = skip[at]!;
    }
    return at;
  }

  /** Adds `[first, end)`; those that were not reached before go to `fresh`. */
  add(first: number, end: number, fresh: number[]): void {
    for (let at = this.next(first); at < end; at = this.next(at + 1)) {
      this.skip[at] = at + 1;
      this.count++;
      fresh.push(at);
    }
  }
}
