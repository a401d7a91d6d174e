import type { MaskEnv } from "../mask/evaluate.js";
import type { Dtype, MaskModule } from "../mask/ir.js";
import { queryRows } from "../mask/layout/places.js";
import { headGroups } from "./head-groups.js";
import type { TilePlan } from "./plan.js";
import { tilePlane } from "./subdivide.js";
import type { TileSums } from "./subdivide.js";

/** The heads whose mask is the same, and what one of them computes. */
export interface GroupCost extends TileSums {
  readonly heads: readonly number[];
  /** Share of all query-key pairs that are looked at. */
  readonly density: number;
  /** Share of the pairs that a dense mask of a causal space looks at; absent in other spaces. */
  readonly causalDensity?: number | undefined;
}

/** Queries and keys per tile. */
export interface TileSize {
  readonly tileQ: number;
  readonly tileK: number;
}

/** What a call of the operator costs with tiles of one size: all heads and batch entries. */
export interface TileCost extends TileSize {
  /** Tiles of all heads of one batch entry. */
  readonly full: number;
  readonly partial: number;
  readonly empty: number;
  /** Multiplications and additions over whole tiles that hold a pair. */
  readonly flops: number;
  /** Q and O once; K and V once for each tile that holds a pair. */
  readonly bytes: number;
  /** FLOPs for each byte. */
  readonly intensity: number;
  /** How many times as many tiles a dense mask computes; Infinity where no tile holds a pair. */
  readonly bound: Bound;
}

/** What a call needs at least: pairs that are looked at and no other, every tensor read or written once. */
export interface IdealCost {
  /** Pairs of all heads of one batch entry. */
  readonly pairs: number;
  readonly flops: number;
  readonly bytes: number;
  readonly intensity: number;
  readonly bound: Bound;
}

/** The greatest speed-up that fewer products can give over a dense mask of the same space, and over a causal one. */
export interface Bound {
  readonly dense: number;
  readonly causal?: number | undefined;
}

/** What a call has besides its mask. */
export interface CallShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly dtype: Dtype;
  readonly batch: number;
}

export const bytesOf = (dtype: Dtype): number => (dtype === "f32" ? 4 : 2);

/** A product with the key and one with the value: two operations for each of their dims. */
const flopsPerPair = (shape: Pick<CallShape, "headDim" | "valueDim">): number => 2 * shape.headDim + 2 * shape.valueDim;

/** Exact counts of each group of equal heads. */
export function groupCosts(
  module: MaskModule,
  plan: TilePlan,
  env: MaskEnv,
  size: TileSize,
  onProgress?: (share: number) => void,
): readonly GroupCost[] {
  const groups = headGroups(
    module,
    env,
    Array.from({ length: env.heads }, (_, head) => head),
  );
  const causal = causalPairs(module, env);
  return groups.map((heads, i) => {
    const sums = tilePlane(module, plan, env, {
      head: heads[0]!,
      blockQ: size.tileQ,
      blockK: size.tileK,
      onProgress: (share) => onProgress?.((i + share) / groups.length),
    }).sums();
    const causalDensity = causal === undefined ? undefined : sums.pairs / causal;
    return { heads, ...sums, density: sums.pairs / (env.NQ * env.N), causalDensity };
  });
}

export function tileCost(module: MaskModule, env: MaskEnv, shape: CallShape, size: TileSize, groups: readonly GroupCost[]): TileCost {
  const { full, partial, empty } = total(groups);
  const computed = full + partial;
  const { tileQ, tileK } = size;
  const flops = shape.batch * computed * tileQ * tileK * flopsPerPair(shape);
  const own = env.heads * env.NQ * (shape.headDim + shape.valueDim);
  const fetched = computed * tileK * (shape.headDim + shape.valueDim);
  const bytes = shape.batch * (own + fetched) * bytesOf(shape.dtype);
  const causal = causalTiles(module, env, size);
  const bound = {
    dense: ratio(env.heads * Math.ceil(env.NQ / tileQ) * Math.ceil(env.N / tileK), computed),
    causal: causal === undefined ? undefined : ratio(causal * env.heads, computed),
  };
  return { tileQ, tileK, full, partial, empty, flops, bytes, intensity: flops / bytes, bound };
}

export function idealCost(module: MaskModule, env: MaskEnv, shape: CallShape, groups: readonly GroupCost[]): IdealCost {
  const { pairs } = total(groups);
  const flops = shape.batch * pairs * flopsPerPair(shape);
  const dims = shape.headDim + shape.valueDim;
  const bytes = shape.batch * (env.heads * env.NQ + env.kvHeads * env.N) * dims * bytesOf(shape.dtype);
  const causal = causalPairs(module, env);
  const bound = {
    dense: ratio(env.heads * env.NQ * env.N, pairs),
    causal: causal === undefined ? undefined : ratio(env.heads * causal, pairs),
  };
  return { pairs, flops, bytes, intensity: flops / bytes, bound };
}

const ratio = (of: number, to: number): number => (to === 0 ? Infinity : of / to);

function total(groups: readonly GroupCost[]): TileSums {
  const sum = (field: keyof TileSums): number => groups.reduce((all, group) => all + group.heads.length * group[field], 0);
  return { full: sum("full"), partial: sum("partial"), empty: sum("empty"), pairs: sum("pairs") };
}

/** Pairs with `k <= q`, for queries that stand at the end of the keys. */
function causalPairs({ space }: MaskModule, { N, NQ }: MaskEnv): number | undefined {
  return space.causal ? NQ * (N - NQ) + (NQ * (NQ + 1)) / 2 : undefined;
}

/** Tiles that a dense causal mask computes, of one head. A layout is that of the sparse mask, and dense tiles need none. */
function causalTiles(module: MaskModule, env: MaskEnv, { tileQ, tileK }: TileSize): number | undefined {
  if (!module.space.causal) return undefined;
  const { first, end } = queryRows({ ...module, layout: undefined }, env);
  let tiles = 0;
  for (let q0 = first; q0 < end; q0 += tileQ) tiles += Math.floor((Math.min(q0 + tileQ, end) - 1) / tileK) + 1;
  return tiles;
}
