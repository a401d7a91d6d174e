import type { FloatInputSpec, InputSpec } from "../launch/module.js";
import { floatAxes } from "../launch/selection/float-inputs.js";
import type { Random } from "./random.js";

/**
 * What a caller passes for an input, as plain arrays. Leading axes: batch entries (or 1 for all), and but for
 * ids heads: the query heads, the kv heads or 1.
 */
export type VerifyInput =
  /** `[batch][token]` */
  | { readonly kind: "ids"; readonly shape: readonly [number, number]; readonly data: Int32Array }
  /** `[batch][head][place]`: the position of the token at each place. Heads are the kv heads or 1. */
  | { readonly kind: "order"; readonly shape: readonly [number, number, number]; readonly data: Int32Array }
  /** `[batch][head][row][column]`, 0 or 1: `bits`, and `blocks` with a row and a column per block. */
  | { readonly kind: "bits"; readonly shape: readonly [number, number, number, number]; readonly data: Uint8Array }
  /** `[batch][head][place]`, rising: `columns` and `diagonals`, padded at the end with {@link PADDING}. */
  | { readonly kind: "list"; readonly shape: readonly [number, number, number]; readonly data: Int32Array }
  /** `[batch][head][block of queries]`, each the rising list of key blocks it sees. */
  | { readonly kind: "csr"; readonly lists: readonly (readonly (readonly Int32Array[])[])[] }
  /** `[batch][head]` and the axes of the input: `scores`, `channels`, `weights` and `pooled`, which selections read. */
  | { readonly kind: "floats"; readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> };

/** Fills lists that are shorter than the longest. */
export const PADDING = -2147483648;

export interface InputSizes {
  readonly batch: number;
  readonly sharedInputs?: boolean | undefined;
  readonly heads: number;
  readonly kvHeads: number;
  readonly queries: number;
  readonly keys: number;
  /** Positions of the queries end here: `keys` in a self space, `queries` in a cross space. */
  readonly lastPosition: number;
}

/** A random value for an input. */
export function randomInput(spec: InputSpec, sizes: InputSizes, random: Random): VerifyInput {
  const batch = sizes.sharedInputs ? 1 : sizes.batch;
  const heads = random.pick([1, sizes.kvHeads, sizes.heads]);
  switch (spec.kind) {
    case "ids": {
      const length = spec.axis === "q" ? sizes.queries : sizes.keys;
      if (spec.order === true) return randomOrders(batch, random.pick([1, sizes.kvHeads]), length, random);
      return { kind: "ids", shape: [batch, length], data: Int32Array.from(repeat(batch, () => randomIds(length, random)).flat()) };
    }
    case "bits": {
      const rows = spec.rows === "q" ? sizes.queries : spec.rows;
      const columns = spec.columns === "k" ? sizes.keys : spec.columns;
      const density = random.pick([0.02, 0.3, 0.9]);
      return bits([batch, heads, rows, columns], () => random.chance(density));
    }
    case "blocks": {
      const rows = Math.ceil(sizes.lastPosition / spec.n);
      const columns = Math.ceil(sizes.keys / spec.m);
      const blocks = randomBlocks(rows, columns, random);
      return bits([batch, heads, rows, columns], blocks);
    }
    case "columns":
      return lists(batch, heads, () => distinct(random.integer(0, 2 + sizes.keys / 16), 0, sizes.keys - 1, random));
    case "diagonals":
      return lists(batch, heads, () => distinct(random.integer(0, 2 + sizes.keys / 16), 1 - sizes.keys, sizes.lastPosition - 1, random));
    case "csr": {
      const rows = Math.ceil(sizes.lastPosition / spec.n);
      const columns = Math.ceil(sizes.keys / spec.m);
      const blocks = randomBlocks(rows, columns, random);
      const row = (r: number): Int32Array => Int32Array.from(repeat(columns, (c) => c).filter((c) => blocks(r, c)));
      return { kind: "csr", lists: repeat(batch, () => repeat(heads, () => repeat(rows, row))) };
    }
  }
}

/**
 * Random floats for an input that selections read. Scores are not negative: they may be masses. Weights are above 0: a mean
 * divides by their sum.
 */
export function randomFloats(
  spec: FloatInputSpec,
  sizes: InputSizes & { readonly headDim: number; readonly space: "self" | "cross" },
  random: Random,
): VerifyInput {
  const batch = sizes.sharedInputs ? 1 : sizes.batch;
  const { inner, heads: own } = floatAxes(sizes, spec, { n: sizes.keys, nq: sizes.queries, headDim: sizes.headDim });
  const heads = random.pick([1, sizes.kvHeads, own === "kv" ? sizes.kvHeads : sizes.heads]);
  const shape = [batch, heads, ...inner];
  const normal = (): number => random.normal();
  const number = {
    scores: () => Math.abs(normal()),
    weights: () => 0.25 + Math.abs(normal()),
    channels: normal,
    centroids: normal,
    pooled: normal,
  };
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let i = 0; i < data.length; i++) data[i] = number[spec.kind]();
  return { kind: "floats", shape, data };
}

function repeat<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

/** Shuffled wholly or within segments, or as they are. */
function randomOrders(batch: number, heads: number, length: number, random: Random): VerifyInput {
  const data = new Int32Array(batch * heads * length);
  for (let start = 0; start < data.length; start += length) {
    const segment = random.pick([1, 16, 64, length]);
    for (let place = 0; place < length; place++) {
      data[start + place] = place;
      const other = random.integer(Math.floor(place / segment) * segment, place);
      [data[start + place], data[start + other]] = [data[start + other]!, data[start + place]!];
    }
  }
  return { kind: "order", shape: [batch, heads, length], data };
}

/** Documents one after another, or small numbers without order: both occur. */
function randomIds(length: number, random: Random): number[] {
  if (random.chance(0.3)) return repeat(length, () => random.integer(-1, 3));
  const ids: number[] = [];
  for (let document = 0; ids.length < length; document++) {
    const end = atBorder(ids.length + random.integer(1, Math.max(1, Math.floor(length / 3))), ids.length + 1, length, random);
    while (ids.length < end) ids.push(document);
  }
  return ids;
}

/** Tokens of the tiles and words whose ends are sought out. */
const BORDER = 32;

/** Mistakes live where tiles and words of bits begin and end: half of all places are moved there. */
function atBorder(place: number, low: number, high: number, random: Random): number {
  if (random.chance(0.5)) return Math.min(place, high);
  const border = Math.round(place / BORDER) * BORDER - random.integer(0, 1);
  return Math.max(low, Math.min(high, border));
}

/** Blocks at random; the diagonal is forced in half of the cases, so that in the others rows may be empty. */
function randomBlocks(rows: number, columns: number, random: Random): (row: number, column: number) => boolean {
  const density = random.pick([0.1, 0.3, 0.8]);
  const diagonal = random.chance(0.5);
  return (row, column) => (diagonal && row === Math.floor((column * rows) / columns)) || random.chance(density);
}

function bits(shape: readonly [number, number, number, number], bit: (row: number, column: number) => boolean): VerifyInput {
  const [batch, heads, rows, columns] = shape;
  const data = new Uint8Array(batch * heads * rows * columns);
  for (let i = 0; i < data.length; i++) data[i] = bit(Math.floor(i / columns) % rows, i % columns) ? 1 : 0;
  return { kind: "bits", shape, data };
}

function distinct(count: number, low: number, high: number, random: Random): number[] {
  const found = new Set<number>();
  for (let i = 0; i < count; i++) found.add(atBorder(random.integer(low, high), low, high, random));
  return [...found].sort((a, b) => a - b);
}

function lists(batch: number, heads: number, list: () => number[]): VerifyInput {
  const all = repeat(batch * heads, list);
  const length = Math.max(1, ...all.map((each) => each.length));
  const data = new Int32Array(all.length * length).fill(PADDING);
  all.forEach((each, i) => data.set(each, i * length));
  return { kind: "list", shape: [batch, heads, length], data };
}
