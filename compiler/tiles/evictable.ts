import type { MaskEnv } from "../mask/evaluate.js";
import type { BoolExpr, MaskModule } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { simplifyBool } from "../mask/simplify.js";
import { mapLeaves } from "../mask/walk.js";
import { oneHead } from "./closed.js";
import type { OneMask } from "./closed.js";
import { headsOf, kvGroups, whileDecoding } from "./decode.js";
import { lastUses } from "./last-use.js";
import { dropsForGood } from "./monotone.js";
import { planTiles } from "./plan.js";
import { tilePlane } from "./subdivide.js";

/**
 * Whether a KV cache may forget a key as soon as a query does not look at it. That is so if the keys of query `q + 1` are among
 * those of query `q`, and itself: a key that is dropped is never needed again. Keys belong to kv heads, so the query heads
 * of a kv head are asked together.
 */
export interface Evictable {
  /** Of all kv heads. */
  readonly evictable: boolean;
  /** Whether that holds at every length, or was decided at the length of the call. */
  readonly scope: "every length" | "this length";
  readonly groups: readonly KvEvictable[];
}

export interface KvEvictable {
  readonly kvHeads: readonly number[];
  readonly evictable: boolean;
  readonly scope: "every length" | "this length";
  /** A key that one query does not look at and the next one does. */
  readonly counterexample?: { readonly key: number; readonly dropped: number; readonly again: number } | undefined;
  /** Most keys that must be kept at a time, for a query of the call that is still to come or the present one. */
  readonly cacheKeys: number;
}

/** Undefined where the question has no meaning: queries that look at later keys, or at another sequence. */
export function evictable(module: MaskModule, env: MaskEnv): Evictable | undefined {
  if (!module.space.causal) return undefined;
  const groups = kvGroups(env, (kvHead) => whileDecoding(module, env, headsOf(kvHead, env))).map(({ kvHeads, seen }): KvEvictable => {
    const cacheKeys = mostKept(seen);
    // What a call fixes, a grid's length among it, is the same at every length that there is.
    if (dropsForGood(seen.module.mask) && sameAtEveryLength(module, env)) {
      return { kvHeads, evictable: true, scope: "every length", cacheKeys };
    }
    const counterexample = returning(seen);
    return { kvHeads, evictable: counterexample === undefined, scope: "this length", counterexample, cacheKeys };
  });
  const all = groups.every((group) => group.evictable);
  const proved = all && groups.every((group) => group.scope === "every length");
  return { evictable: all, scope: proved ? "every length" : "this length", groups };
}

const sameAtEveryLength = (module: MaskModule, env: MaskEnv): boolean =>
  module.space.axes.length > 0 || whileDecoding(module, env, [0]).growing;

/** The first key that a query drops and the next one looks at. */
function returning({ module, env }: OneMask): KvEvictable["counterexample"] {
  const { mask } = module;
  const next = mapLeaves(mask, (leaf) => (leaf.kind === "var" && leaf.name === "q" ? m.add(m.q, m.int(1)) : leaf));
  const again = simplifyBool(m.and(m.le(m.k, m.q), m.lt(m.add(m.q, m.int(1)), m.int(env.N)), next, simplifyBool(m.not(mask)) as BoolExpr));
  const over = oneHead(module, again);
  const plane = tilePlane(over, planTiles(over), env, { head: 0, blockQ: BLOCK, blockK: BLOCK });
  if (plane.sums().pairs === 0) return undefined;
  for (let qTile = 0; qTile < plane.rows; qTile++) {
    let kTile: number | undefined;
    plane.row(qTile, (run) => (kTile ??= run.first));
    if (kTile !== undefined) return pairIn({ module: over, env }, qTile * BLOCK, kTile * BLOCK);
  }
  return undefined;
}

const BLOCK = 64;

function pairIn({ module, env }: OneMask, q0: number, k0: number): KvEvictable["counterexample"] {
  const plane = tilePlane(module, planTiles(module), env, { head: 0, blockQ: 1, blockK: 1 });
  for (let q = q0; q < Math.min(q0 + BLOCK, env.N); q++) {
    let key: number | undefined;
    plane.row(q, (run) => {
      if (run.end > k0) key ??= Math.max(run.first, k0);
    });
    if (key !== undefined) return { key, dropped: q, again: q + 1 };
  }
  return undefined;
}

/** The most keys of which, after some query, that query or a later one looks at. */
function mostKept(seen: OneMask): number {
  const last = lastUses(seen);
  const ends = new Int32Array(last.length + 1);
  let kept = 0;
  let most = 0;
  for (let q = 0; q < last.length; q++) {
    // Key q arrives; keys whose last use was before are gone.
    if (last[q]! >= q) {
      kept++;
      ends[last[q]! + 1]!++;
    }
    kept -= ends[q]!;
    most = Math.max(most, kept);
  }
  return most;
}
