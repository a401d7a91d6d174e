import type { MaskModule } from "../mask/ir.js";
import { tileFrame } from "./evaluate.js";
import type { TilePlan } from "./plan.js";
import { headKey, visitedTiles } from "./plan.js";

/** From which end of a head its query tiles are started. */
export type Order = "last first" | "first first";

/** How the rows of a mask differ in the key tiles that they visit. */
export interface RowLengths {
  /** The end of a head with the longer rows: started first, they do not keep a device waiting at the end. */
  readonly order: Order;
  /** Some row is so much longer than the others that it is worth cutting into parts however many rows there are. */
  readonly uneven: boolean;
}

/** A length at which rows that grow with the position differ much, and a tile to count in. */
const LENGTH = 8192;
const TILE = 64;
/** Tiles that are counted, evenly spread, the first and the last among them. */
const SAMPLES = 32;
/** A causal mask's longest row is twice as long as the mean. */
const UNEVEN = 4;

const known = new WeakMap<TilePlan, RowLengths>();

/** Worked out once for a plan, which is that of the module. */
export function rowLengths(module: MaskModule, plan: TilePlan): RowLengths {
  let lengths = known.get(plan);
  if (!lengths) known.set(plan, (lengths = countedRows(module, plan)));
  return lengths;
}

/**
 * Counted at one length, with the defaults of the declaration; where the caller's inputs, selections or the extents
 * of a grid decide, rows are taken to grow as under a causal mask.
 */
function countedRows(module: MaskModule, plan: TilePlan): RowLengths {
  if (module.inputs.length > 0 || module.selections !== undefined || module.space.axes.length > 0)
    return { order: "last first", uneven: false };
  const { heads, kvHeads } = module.shape;
  const params = Object.fromEntries(module.params.map(({ name, default: value, min }) => [name, value ?? min ?? 1]));
  const env = { N: LENGTH, NQ: LENGTH, heads, kvHeads, layer: 0, layers: 1, step: 0, steps: 1, phase: 0, params };
  let [first, last] = [0, 0];
  let uneven = false;
  const seen = new Set<string>();
  for (let head = 0; head < heads; head++) {
    const key = headKey(module, env, head);
    if (seen.has(key)) continue;
    seen.add(key);
    const frame = tileFrame(module, env, 0, head);
    const tiles = Array.from({ length: SAMPLES }, (_, i) => {
      const q0 = Math.round((i * (LENGTH / TILE - 1)) / (SAMPLES - 1)) * TILE;
      return visitedTiles(plan.ranges, frame, q0, q0 + TILE - 1, TILE).reduce((sum, [start, end]) => sum + end - start, 0);
    });
    first += tiles[0]!;
    last += tiles[tiles.length - 1]!;
    const mean = tiles.reduce((sum, count) => sum + count, 0) / tiles.length;
    uneven ||= Math.max(...tiles) > UNEVEN * mean;
  }
  return { order: first > last ? "first first" : "last first", uneven };
}
