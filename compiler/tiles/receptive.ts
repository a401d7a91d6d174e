import { compileMask } from "../mask/compile.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { keyOf, some } from "../mask/walk.js";
import { unionOfHeads } from "./closed.js";
import { readsInputs } from "./decode.js";

/** How far information has travelled after some layers. Distances are in positions. */
export interface Reach {
  readonly layers: number;
  /** The greatest distance back, from any token to one before it, and ahead. */
  readonly back: number;
  readonly ahead: number;
  /** Every distance up to this is reached, from every token that has so many before it, or behind it. */
  readonly backWhole: number;
  readonly aheadWhole: number;
  /** Share of the pairs that the space allows. */
  readonly share: number;
}

/**
 * Which tokens can influence which, layer by layer: exact, by reachability over all pairs of positions. A token keeps what it
 * has, as a residual stream does, and what any head brings reaches all heads of the next layer.
 */
export interface ReceptiveField {
  /** The length it was worked out at. */
  readonly length: number;
  /** The first layers and the last one that was looked at. */
  readonly layers: readonly Reach[];
  /** The first number of layers after which every pair that the space allows is reached. */
  readonly covers?: number | undefined;
  /** Why there is none: more layers add nothing, or there are no more. */
  readonly ends?: "fixpoint" | "layers" | undefined;
}

/** Reachability takes the square of the length in bits, and its product with the pairs in time. */
const MOST_TOKENS = 2048;
/** A grid has its length: it is taken whole or not at all. */
const MOST_GRID_TOKENS = 4096;
/** Layers that are tried where each is different and nobody says how many there are. */
const MOST_LAYERS = 64;
/** Layers that are listed one by one. */
const LISTED = 16;

/** The length that is looked at, undefined where the question has no meaning or the length is fixed and too long. */
function receptiveLength(module: MaskModule, env: MaskEnv): number | undefined {
  if (module.space.kind === "cross") return undefined;
  if (readsInputs(module)) return env.NQ === env.N && env.N <= MOST_TOKENS ? env.N : undefined;
  if (module.space.axes.length > 0) return env.N <= MOST_GRID_TOKENS ? env.N : undefined;
  return Math.min(env.N, MOST_TOKENS);
}

export function receptiveField(module: MaskModule, env: MaskEnv, onLayer?: (done: number) => void): ReceptiveField | undefined {
  const length = receptiveLength(module, env);
  if (length === undefined) return undefined;
  const at: MaskEnv = { ...env, N: length, NQ: length };
  const adjacency = layerMasks(module, at);
  const byLayer = dependsOnLayer(module);
  const most = env.layers ?? (byLayer ? MOST_LAYERS : Infinity);
  const { causal } = module.space;
  let reached = identity(length);
  const layers: Reach[] = [];
  for (let depth = 1; ; depth++) {
    const next = step(adjacency(depth - 1), reached);
    const reach = measure(next, depth, causal);
    const settled = !byLayer && equal(next, reached);
    if (settled && depth > 1) return { length, layers, ends: "fixpoint" };
    if (layers.length < LISTED) layers.push(reach);
    else layers[LISTED] = reach;
    onLayer?.(depth);
    if (reach.share === 1) return { length, layers, covers: depth };
    if (settled) return { length, layers, ends: "fixpoint" };
    if (depth >= most) return { length, layers, ends: "layers" };
    reached = next;
  }
}

/** Whether the mask, or a number that the host computes for it, is another in another layer. */
export const dependsOnLayer = (module: MaskModule): boolean =>
  some(module.mask, (node) => node.kind === "var" && node.name === "layer") ||
  module.scalars.some(({ expr }) => JSON.stringify(expr).includes('"name":"layer"'));

/** A square of bits, a row of words for each token. */
interface Bits {
  readonly length: number;
  readonly words: number;
  readonly data: Uint32Array;
}

function emptyBits(length: number): Bits {
  const words = Math.ceil(length / 32);
  return { length, words, data: new Uint32Array(length * words) };
}

function identity(length: number): Bits {
  const bits = emptyBits(length);
  for (let i = 0; i < length; i++) setBit(bits, i, i);
  return bits;
}

function setBit({ words, data }: Bits, row: number, column: number): void {
  const at = row * words + (column >> 5);
  data[at] = data[at]! | (1 << (column & 31));
}

const hasBit = ({ words, data }: Bits, row: number, column: number): boolean =>
  (data[row * words + (column >> 5)]! & (1 << (column & 31))) !== 0;

/** What the heads of each layer look at together; layers with the same mask share one. */
function layerMasks(module: MaskModule, env: MaskEnv): (layer: number) => Bits {
  const known = new Map<string, Bits>();
  const heads = Array.from({ length: env.heads }, (_, head) => head);
  return (layer) => {
    const seen = unionOfHeads(module, { ...env, layer }, heads);
    const key = keyOf(seen.module.mask);
    let bits = known.get(key);
    if (!bits) {
      bits = emptyBits(env.N);
      const looks = compileMask(seen.module, seen.env, 0, 0);
      for (let q = 0; q < env.N; q++) for (let k = 0; k < env.N; k++) if (looks(q, k)) setBit(bits, q, k);
      known.set(key, bits);
    }
    return bits;
  };
}

/** What each token has after a layer: its own, and that of the tokens it looks at. */
function step(looks: Bits, has: Bits): Bits {
  const { length, words } = has;
  const next: Bits = { length, words, data: has.data.slice() };
  for (let q = 0; q < length; q++) {
    const to = q * words;
    for (let word = 0; word < words; word++) {
      // Each set bit is a token whose row is taken over.
      for (let rest = looks.data[to + word]!; rest !== 0; rest = (rest & (rest - 1)) >>> 0) {
        const from = (word * 32 + 31 - Math.clz32(rest & -rest)) * words;
        for (let i = 0; i < words; i++) next.data[to + i] = next.data[to + i]! | has.data[from + i]!;
      }
    }
  }
  return next;
}

function equal(a: Bits, b: Bits): boolean {
  return a.data.every((word, i) => word === b.data[i]);
}

function measure(bits: Bits, layers: number, causal: boolean): Reach {
  const { length } = bits;
  let [back, ahead, pairs] = [0, 0, 0];
  let [backWhole, aheadWhole] = [length - 1, length - 1];
  for (let q = 0; q < length; q++) {
    const row = rowOf(bits, q);
    pairs += row.count;
    back = Math.max(back, q - row.first);
    ahead = Math.max(ahead, row.last - q);
    if (row.wholeFrom > 0) backWhole = Math.min(backWhole, q - row.wholeFrom);
    if (row.wholeTo < length - 1) aheadWhole = Math.min(aheadWhole, row.wholeTo - q);
  }
  const allowed = causal ? (length * (length + 1)) / 2 : length * length;
  return { layers, back, ahead, backWhole, aheadWhole, share: pairs / allowed };
}

interface Row {
  readonly count: number;
  readonly first: number;
  readonly last: number;
  /** Ends of the run of set bits around the token itself. */
  readonly wholeFrom: number;
  readonly wholeTo: number;
}

function rowOf(bits: Bits, q: number): Row {
  const { length, words, data } = bits;
  let [count, first, last] = [0, q, q];
  for (let word = 0; word < words; word++) {
    const value = data[q * words + word]!;
    if (value === 0) continue;
    count += ones(value);
    first = Math.min(first, word * 32 + 31 - Math.clz32(value & -value));
    last = Math.max(last, word * 32 + 31 - Math.clz32(value));
  }
  let [wholeFrom, wholeTo] = [q, q];
  while (wholeFrom > 0 && hasBit(bits, q, wholeFrom - 1)) wholeFrom--;
  while (wholeTo < length - 1 && hasBit(bits, q, wholeTo + 1)) wholeTo++;
  return { count, first, last, wholeFrom, wholeTo };
}

/** Set bits of a word, added up in pairs, nibbles and bytes. */
function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
