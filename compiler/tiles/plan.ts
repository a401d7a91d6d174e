import { headEvaluator, kvHeadOf } from "../mask/evaluate.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import * as m from "../mask/make.js";
import { simplifyBool } from "../mask/simplify.js";
import { keyOf, mapLeaves, some } from "../mask/walk.js";
import { compileCond, compileInt, tileFrame } from "./evaluate.js";
import type { TileFrame } from "./evaluate.js";
import * as t from "./expr.js";
import type { TileCond } from "./expr.js";
import { factsOf, knowledge, wholeTile } from "./intervals.js";
import { withoutIdlePeriods } from "./periods.js";
import { keyRanges } from "./ranges.js";
import type { KeyRange } from "./ranges.js";

/**
 * What the analysis knows of a mask, for every length and tile size at once: which keys a tile of
 * queries may see, and for a tile of pairs whether some and whether all of them are looked at.
 */
export interface TilePlan {
  readonly ranges: readonly KeyRange[];
  readonly may: TileCond;
  readonly must: TileCond;
  /** `dynamic` when the caller's inputs decide; no form of this version needs a table. */
  readonly form: "ranges" | "dynamic";
}

export function planTiles(module: MaskModule): TilePlan {
  const mask = withoutIdlePeriods(module.mask);
  const { may, must } = knowledge(mask, wholeTile, factsOf(module));
  const dynamic = some(module.mask, (node) => node.kind === "load" || node.kind === "bit");
  return { ranges: keyRanges({ ...module, mask }), may, must, form: dynamic ? "dynamic" : "ranges" };
}

export type TileClass = "empty" | "partial" | "full";

/** First position of the queries of a call: fewer queries than keys stand at the end. */
export function queryOffset(module: MaskModule, env: MaskEnv): number {
  return module.space.kind === "self" ? env.N - env.NQ : 0;
}

/** Moves the frame to a tile of positions `[q0, q1] x [k0, k1]`, both ends inclusive, and classifies it. */
export function classify(plan: TilePlan, frame: TileFrame, q0: number, q1: number, k0: number, k1: number): TileClass {
  Object.assign(frame, { q0, q1, k0, k1 });
  if (!compileCond(plan.may)(frame)) return "empty";
  return compileCond(plan.must)(frame) ? "full" : "partial";
}

/** The key tiles `[first, end)` that each range of a query tile visits, in the order of the plan. */
export function visitedTiles(
  ranges: readonly KeyRange[],
  frame: TileFrame,
  q0: number,
  q1: number,
  tileK: number,
): readonly (readonly [number, number])[] {
  Object.assign(frame, { q0, q1 });
  const length = frame.env.N;
  return ranges.map((range) => {
    const lo = Math.max(compileInt(range.lo)(frame), 0);
    const hi = Math.min(compileInt(range.hi)(frame), length);
    return lo < hi ? [Math.floor(lo / tileK), Math.ceil(hi / tileK)] : [0, 0];
  });
}

export interface TileCount {
  readonly head: number;
  readonly full: number;
  readonly partial: number;
  readonly empty: number;
}

/** A tile of one head with its exact class. */
export interface ClassifiedTile {
  readonly qTile: number;
  readonly kTile: number;
  readonly class: TileClass;
  /** Pairs of the tile that are looked at, and all its pairs. */
  readonly pairs: number;
  readonly area: number;
}

/**
 * Exact classes of all tiles of one head and batch entry: the analysis where it is certain, and
 * where it is not, the pairs themselves.
 */
export function* exactTiles(
  module: MaskModule,
  plan: TilePlan,
  env: MaskEnv,
  at: { readonly head: number; readonly batch?: number; readonly blockQ: number; readonly blockK: number },
): Generator<ClassifiedTile> {
  const batch = at.batch ?? 0;
  const frame = tileFrame(module, env, batch, at.head);
  const looks = headEvaluator(module, env, batch, at.head);
  const offset = queryOffset(module, env);
  for (let qTile = 0; qTile * at.blockQ < env.NQ; qTile++) {
    const q0 = offset + qTile * at.blockQ;
    const q1 = offset + Math.min((qTile + 1) * at.blockQ, env.NQ) - 1;
    const visited = visitedTiles(plan.ranges, frame, q0, q1, at.blockK);
    for (let kTile = 0; kTile * at.blockK < env.N; kTile++) {
      const k0 = kTile * at.blockK;
      const k1 = Math.min(k0 + at.blockK, env.N) - 1;
      const inRange = visited.some(([first, end]) => first <= kTile && kTile < end);
      const known = inRange ? classify(plan, frame, q0, q1, k0, k1) : "empty";
      const area = (q1 - q0 + 1) * (k1 - k0 + 1);
      const pairs = known === "partial" ? countPairs(looks, q0, q1, k0, k1) : known === "full" ? area : 0;
      yield { qTile, kTile, class: pairs === 0 ? "empty" : pairs === area ? "full" : "partial", pairs, area };
    }
  }
}

function countPairs(looks: (q: number, k: number) => boolean, q0: number, q1: number, k0: number, k1: number): number {
  let pairs = 0;
  for (let q = q0; q <= q1; q++) for (let k = k0; k <= k1; k++) if (looks(q, k)) pairs++;
  return pairs;
}

/**
 * The keys that no query tile of any head of a kv head's group visits: a kernel with these tiles loads
 * nothing of them. Key `k` of kv head `g` of batch entry `b` is at `[(b * kvHeads + g) * N + k]`, 1 where unvisited.
 */
export function unvisitedKeys(
  module: MaskModule,
  env: MaskEnv,
  batch: number,
  tiles: { readonly tileQ: number; readonly tileK: number },
): Uint8Array {
  const plan = planTiles(module);
  const unvisited = new Uint8Array(batch * env.kvHeads * env.N).fill(1);
  const offset = queryOffset(module, env);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < env.heads; h++) {
      const frame = tileFrame(module, env, b, h);
      const row = (b * env.kvHeads + kvHeadOf(h, env.heads, env.kvHeads)) * env.N;
      for (let first = 0; first < env.NQ; first += tiles.tileQ) {
        const q0 = offset + first;
        const q1 = offset + Math.min(first + tiles.tileQ, env.NQ) - 1;
        for (const [start, end] of visitedTiles(plan.ranges, frame, q0, q1, tiles.tileK)) {
          for (let tile = start; tile < end; tile++) {
            const k0 = tile * tiles.tileK;
            const k1 = Math.min(k0 + tiles.tileK, env.N) - 1;
            if (classify(plan, frame, q0, q1, k0, k1) !== "empty") unvisited.fill(0, row + k0, row + k1 + 1);
          }
        }
      }
    }
  }
  return unvisited;
}

/** Exact numbers of full, partial and empty tiles per query head. */
export function countTiles(
  module: MaskModule,
  env: MaskEnv,
  blocks: { readonly blockQ: number; readonly blockK: number },
): readonly TileCount[] {
  const plan = planTiles(module);
  const distinct = new Map<string, Omit<TileCount, "head">>();
  return Array.from({ length: env.heads }, (_, head) => {
    // Heads that the mask cannot tell apart are counted once.
    const key = headKey(module, env, head);
    let count = distinct.get(key);
    if (!count) {
      const sums = { full: 0, partial: 0, empty: 0 };
      for (const tile of exactTiles(module, plan, env, { head, ...blocks })) sums[tile.class]++;
      distinct.set(key, (count = sums));
    }
    return { head, ...count };
  });
}

/** Equal for two heads only if the mask is the same for both: the mask with what is fixed for the head put in. */
export function headKey(module: MaskModule, env: MaskEnv, head: number): string {
  const byHead = some(
    module.mask,
    (n) => n.kind === "scalar" || n.kind === "bit" || (n.kind === "var" && (n.name === "h" || n.name === "kvh")),
  );
  if (!byHead) return "";
  const kvHead = kvHeadOf(head, env.heads, env.kvHeads);
  const { scalars } = tileFrame(module, env, 0, head);
  const mask = mapLeaves(module.mask, (leaf) => {
    if (leaf.kind === "scalar") return m.int(scalars[leaf.slot]!);
    if (leaf.kind === "var" && leaf.name === "h") return m.int(head);
    return leaf.kind === "var" && leaf.name === "kvh" ? m.int(kvHead) : leaf;
  });
  const key = keyOf(simplifyBool(mask));
  // Of which head an input's bits are, where it has heads.
  const inputs = Object.values(env.inputs ?? {}).map((input) => (input.kind === "bits" ? input.heads : 1));
  return [key, ...inputs.map((heads) => (heads === 1 ? "" : heads === env.heads ? `h${head}` : `kvh${kvHead}`))].join(";");
}

/** The condition under which a tile needs its mask: it is not full, or reaches past the last key. */
export function needsMask(plan: TilePlan, tileK: number): TileCond {
  const pastEnd = t.lt(t.variable("N"), t.add(t.variable("k0"), t.int(tileK)));
  return t.or(t.not(plan.must), pastEnd);
}
