import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { bytesOf, groupCosts, idealCost, tileCost } from "./cost.js";
import type { CallShape, GroupCost, IdealCost, TileCost, TileSize } from "./cost.js";
import { decodeKeys, readsInputs } from "./decode.js";
import type { DecodeKeys } from "./decode.js";
import { evictable } from "./evictable.js";
import type { Evictable } from "./evictable.js";
import { lastQueryReach } from "./last-query.js";
import type { LastQueryReach } from "./last-query.js";
import { planTiles } from "./plan.js";
import { receptiveField } from "./receptive.js";
import type { ReceptiveField } from "./receptive.js";
import { suggestions } from "./suggest.js";
import type { Suggestion, Variant } from "./suggest.js";

/** Tiles that a kernel computes in, and the schedules that have them. */
export interface ScheduledTiles extends TileSize {
  readonly schedules: readonly string[];
}

/** Two orders of pairs, where each query chooses blocks of keys of its own: tiles of a head that each is expected to compute. */
export interface OrdersReport extends TileSize {
  readonly selection: string;
  /** Keys of a block, and the blocks that a query is taken to choose. */
  readonly unit: number;
  readonly most: number;
  readonly queryOrder: number;
  /** With what its parts cost beside. */
  readonly keyOrder: number;
  /** The cheaper one, where queries choose independently. */
  readonly expected: "queries" | "keys";
}

/** What one call of an operator costs, before anything is run. All counts are exact, but those of `orders`. */
export interface CostReport {
  readonly name: string;
  readonly space: { readonly kind: "self" | "cross"; readonly causal: boolean };
  readonly queries: number;
  readonly keys: number;
  readonly shape: CallShape;
  readonly layout?: string | undefined;
  readonly ideal: IdealCost;
  /** By tile size, the default schedule's first. */
  readonly tiles: readonly (TileCost & { readonly schedules: readonly string[] })[];
  /** With the tiles of the default schedule. */
  readonly groups: readonly GroupCost[];
  /** Rising lengths, with the bytes of K and V that all kv heads and batch entries read. */
  readonly orders?: OrdersReport | undefined;
  readonly decode: readonly (DecodeKeys & { readonly bytes: number })[];
  readonly receptive?: ReceptiveField | undefined;
  readonly lastQuery?: LastQueryReach | undefined;
  readonly evictable?: (Evictable & { readonly cacheBytes: number }) | undefined;
  readonly suggestions: readonly Suggestion[];
}

export interface ReportOptions {
  readonly batch: number;
  /** At least one; the default schedule's first. */
  readonly tiles: readonly ScheduledTiles[];
  readonly orders?: OrdersReport | undefined;
  /** The operator with other values of its parameters, to be compared with. */
  readonly variants?: Iterable<Variant> | undefined;
  readonly onProgress?: ((what: string) => void) | undefined;
}

export function costReport(module: MaskModule, env: MaskEnv, options: ReportOptions): CostReport {
  const { onProgress } = options;
  const plan = planTiles(module);
  const shape: CallShape = { ...module.shape, heads: env.heads, kvHeads: env.kvHeads, batch: options.batch };
  const counted = options.tiles.map((size) => ({
    size,
    groups: groupCosts(module, plan, env, size, (share) => onProgress?.(`tiles ${Math.floor(share * 100)}%`)),
  }));
  const groups = counted[0]!.groups;
  const perKey = shape.batch * (shape.headDim + shape.valueDim) * bytesOf(shape.dtype);
  onProgress?.("keys of the last query");
  const decode = decodeLengths(module, env).map((length) => {
    const keys = decodeKeys(module, env, length);
    return { ...keys, bytes: perKey * keys.groups.reduce((sum, group) => sum + group.kvHeads.length * group.keys, 0) };
  });
  onProgress?.("evictable keys");
  const drops = evictable(module, env);
  const kept = drops?.groups.reduce((sum, group) => sum + group.kvHeads.length * group.cacheKeys, 0) ?? 0;
  onProgress?.("receptive field");
  const receptive = receptiveField(module, env, (done) => onProgress?.(`receptive field: layer ${done}`));
  // What is known of all pairs needs no second look at one query.
  const whole = receptive?.length === env.N;
  return {
    name: module.name,
    space: { kind: module.space.kind, causal: module.space.causal },
    queries: env.NQ,
    keys: env.N,
    shape,
    layout: module.layout?.name,
    ideal: idealCost(module, env, shape, groups),
    tiles: counted.map((each) => ({
      ...tileCost(module, env, shape, each.size, each.groups),
      schedules: each.size.schedules,
    })),
    groups,
    orders: options.orders,
    decode,
    evictable: drops && { ...drops, cacheBytes: perKey * kept },
    receptive,
    lastQuery: whole ? undefined : lastQueryReach(module, env, (done) => onProgress?.(`reach of the last query: layer ${done}`)),
    suggestions: suggestions(module, env, { shape, size: options.tiles[0]!, variants: options.variants ?? [], onProgress }),
  };
}

/** The length of the call, and where it may differ some shorter and longer ones. */
function decodeLengths(module: MaskModule, { N }: MaskEnv): readonly number[] {
  if (module.space.axes.length > 0 || readsInputs(module)) return [N];
  const lengths = [N / 16, N / 4, N, 4 * N].map(Math.floor);
  return lengths.filter((length) => length === N || (length >= 16 && length <= 2 ** 22));
}
