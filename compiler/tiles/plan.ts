import { kvHeadOf } from "../mask/evaluate.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { madeOrder } from "../mask/layout/orders.js";
import { layoutTokens, overPlaces, queryRows, queryStandsAt } from "../mask/layout/places.js";
import * as m from "../mask/make.js";
import { simplifyBool } from "../mask/simplify.js";
import { keyOf, mapLeaves, some } from "../mask/walk.js";
import type { MaskNode } from "../mask/walk.js";
import { compileCond, compileInt, tileFrame } from "./evaluate.js";
import type { TileFrame } from "./evaluate.js";
import type { TileCond } from "./expr.js";
import { factsOf, knowledge, wholeTile } from "./intervals.js";
import { withoutIdlePeriods } from "./periods.js";
import { keyRanges } from "./ranges.js";
import type { KeyBand, KeyRange } from "./ranges.js";
import { tilePlane } from "./subdivide.js";
import type { TileRun } from "./subdivide.js";

/**
 * What the analysis knows of a mask, for every length and tile size at once: which keys a tile of
 * queries may see, and for a tile of pairs whether some and whether all of them are looked at.
 */
export interface TilePlan {
  readonly ranges: readonly KeyRange[];
  /**
   * Widths, in tiles, of the aligned blocks of a range that are asked about as a whole before their
   * tiles are, ascending; none where the ranges leave little to pass over.
   */
  readonly spans: readonly number[];
  readonly may: TileCond;
  readonly must: TileCond;
  /** A few bands whose union is the mask, row by row, where there are such: cheaper to ask than the mask itself. */
  readonly bands?: readonly KeyBand[] | undefined;
  /** With a layout: whether a tile of places holds a query of the call; if not, there is nothing to do for it. */
  readonly queries?: TileCond | undefined;
  /** `dynamic` when the caller's inputs decide; no form of this version needs a table. */
  readonly form: "ranges" | "dynamic";
}

const plans = new WeakMap<MaskModule, TilePlan>();

/** Worked out once for a module. */
export function planTiles(module: MaskModule): TilePlan {
  let plan = plans.get(module);
  if (!plan) plans.set(module, (plan = newPlan(module)));
  return plan;
}

function newPlan(module: MaskModule): TilePlan {
  const over = overPlaces(module);
  const mask = withoutIdlePeriods(over.mask);
  const { may, must } = knowledge(mask, wholeTile, factsOf(over));
  const tokens = module.layout === undefined ? [] : layoutTokens(module.layout);
  // Tables of a layout are the same for all calls, orders of the caller or of its tensors are not.
  const dynamic =
    some(module.mask, (node) => node.kind === "load" || node.kind === "bit") ||
    tokens.some((token) => some(token, (node) => node.kind === "load" && node.byHead === true));
  const { ranges, exact, bands } = keyRanges({ ...over, mask });
  const stands = module.layout && queryStandsAt(module.layout, module.space);
  const queries = stands && knowledge(stands, wholeTile, factsOf(over)).may;
  const few = exact && bands.length > 0 && bands.length <= MOST_MASK_BANDS ? { bands } : {};
  return { ranges, spans: exact ? [] : SPANS, may, must, ...few, queries, form: dynamic ? "dynamic" : "ranges" };
}

/** Of more bands than these the mask is as cheap. */
const MOST_MASK_BANDS = 2;

/** A block of 32 tiles, and one of 32 blocks: so the questions asked follow the border of the pattern and not the length. */
const SPANS = [32, 1024] as const;

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

/** Exact classes of all tiles of one head and batch entry, row by row; see {@link tilePlane}. */
export function* exactTiles(
  module: MaskModule,
  plan: TilePlan,
  env: MaskEnv,
  at: { readonly head: number; readonly batch?: number; readonly blockQ: number; readonly blockK: number },
): Generator<ClassifiedTile> {
  const plane = tilePlane(module, plan, env, at);
  const { first, end } = queryRows(module, env);
  const rows = end - first;
  for (let qTile = 0; qTile < plane.rows; qTile++) {
    const height = Math.min(at.blockQ, rows - qTile * at.blockQ);
    const runs: TileRun[] = [];
    plane.row(qTile, (run) => runs.push(run));
    let next = 0;
    for (let kTile = 0; kTile < plane.columns; kTile++) {
      const area = height * Math.min(at.blockK, env.N - kTile * at.blockK);
      if (runs[next] && kTile === runs[next]!.end) next++;
      const run = runs[next];
      if (!run || kTile < run.first) yield { qTile, kTile, class: "empty", pairs: 0, area };
      else yield { qTile, kTile, class: run.class, pairs: run.class === "full" ? area : run.pairs, area };
    }
  }
}

/** Exact numbers of full, partial and empty tiles per query head. */
export function countTiles(
  module: MaskModule,
  env: MaskEnv,
  blocks: { readonly blockQ: number; readonly blockK: number },
  onProgress?: (head: number, share: number) => void,
): readonly TileCount[] {
  const plan = planTiles(module);
  const distinct = new Map<string, Omit<TileCount, "head">>();
  return Array.from({ length: env.heads }, (_, head) => {
    // Heads that the mask cannot tell apart are counted once.
    const key = headKey(module, env, head);
    let count = distinct.get(key);
    if (!count) {
      const { full, partial, empty } = tilePlane(module, plan, env, {
        head,
        blockQ: blocks.blockQ,
        blockK: blocks.blockK,
        onProgress: (share) => onProgress?.(head, share),
      }).sums();
      distinct.set(key, (count = { full, partial, empty }));
    }
    return { head, ...count };
  });
}

/** Equal for two heads only if the mask is the same for both: the mask with what is fixed for the head put in. */
export function headKey(module: MaskModule, env: MaskEnv, head: number): string {
  const ofHead = (n: MaskNode): boolean =>
    n.kind === "scalar" ||
    n.kind === "bit" ||
    (n.kind === "load" && n.byHead === true) ||
    (n.kind === "var" && (n.name === "h" || n.name === "kvh"));
  const tokens = module.layout === undefined ? [] : layoutTokens(module.layout);
  const byHead = [module.mask, ...tokens].some((root) => some(root, ofHead));
  if (!byHead) return "";
  const kvHead = kvHeadOf(head, env.heads, env.kvHeads);
  const { scalars } = tileFrame(module, env, 0, head);
  const mask = mapLeaves(module.mask, (leaf) => {
    if (leaf.kind === "scalar") return m.int(scalars[leaf.slot]!);
    if (leaf.kind === "var" && leaf.name === "h") return m.int(head);
    return leaf.kind === "var" && leaf.name === "kvh" ? m.int(kvHead) : leaf;
  });
  const key = keyOf(simplifyBool(mask));
  // Of which head the bits are that the mask reads, and other inputs, where they have heads.
  const reads = (name: string): boolean =>
    madeOrder(module, name) !== undefined || some(module.mask, (n) => n.kind === "bit" && n.input === name);
  const inputs = Object.entries(env.inputs ?? {}).map(([name, { kind, heads = 1 }]) => (kind !== "bits" || reads(name) ? heads : 1));
  return [key, ...inputs.map((heads) => (heads === 1 ? "" : heads === env.heads ? `h${head}` : `kvh${kvHead}`))].join(";");
}
