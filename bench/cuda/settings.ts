import type { MaskSettings } from "../../compiler/mask/build/settings.js";

type Values = NonNullable<MaskSettings["params"]>;

/** Grids whose defaults are too large to be looked at pair by pair. */
const SMALL: Readonly<Record<string, Values>> = {
  gna_hunyuan: {
    ...{ frames: 6, height: 8, width: 8, window_t: 4, window_y: 4, window_x: 6 },
    ...{ stride_t: 2, stride_y: 4, stride_x: 2, tile_t: 2, tile_y: 4, tile_x: 4 },
  },
};

/** Sides that no tile divides, where a grid's size is a parameter. */
export function verifySettings(name: string, params: readonly string[]): MaskSettings {
  const has = (...names: readonly string[]): boolean => names.every((each) => params.includes(each));
  if (SMALL[name]) return { params: SMALL[name] };
  if (has("height", "width") && !has("frames")) return { params: { height: 13, width: 19 } };
  if (has("length", "dilation")) return { params: { length: 321, dilation: 3, window: 40 } };
  return {};
}

/** Operators that are verified in every head dim and dtype: a dense one, ranges, and a layout of its own. */
export const WIDE: ReadonlySet<string> = new Set(["dense_causal", "streaming_llm", "dilated_window"]);
export const WIDE_DIMS = [32, 64, 96, 128, 256];
export const DIM = 64;

/** What a mask is in Python: see masks.py, which has a function for each kind. */
export type PythonMask = { readonly kind: string } & Readonly<Record<string, string | number | readonly number[]>>;

/** An attention to be timed, at some lengths. */
export interface TimedPattern {
  readonly label: string;
  readonly part: "dense" | "sparse" | "growth";
  readonly file: string;
  readonly name: string;
  readonly lengths: readonly number[];
  readonly kvHeads?: number;
  /** What is fixed at compile time: of grids the size. */
  readonly params: (length: number) => Values;
  /** Parameters and variables of a call. */
  readonly call?: (length: number) => Readonly<Record<string, number>>;
  /** How Python makes the inputs: see masks.py. */
  readonly inputs?: (length: number) => Readonly<Record<string, PythonMask>>;
  readonly mask: (length: number) => PythonMask;
}

const SPARSE = [8192, 32768, 131072];
const GROWTH = [16384, 65536, 262144, 1048576];

const grid2d = (length: number): Values => ({
  height: 2 ** Math.floor(Math.log2(length) / 2),
  width: 2 ** Math.ceil(Math.log2(length) / 2),
});
const GRIDS_3D: Readonly<Record<number, Values>> = {
  8192: { frames: 8, height: 32, width: 32 },
  32768: { frames: 16, height: 32, width: 64 },
  131072: { frames: 32, height: 64, width: 64 },
};
const NEAR_2D = { window: 32 };
const NEAR_3D = { window_t: 6, window_y: 24, window_x: 24, stride_t: 2, stride_y: 8, stride_x: 8, tile_t: 2, tile_y: 8, tile_x: 8 };
const STRIDED = { block: 64, local: 16, stride: 8, shift: 1, dense_every: 2 };
const POWER = { block: 256, window: 5, sink: 1 };
const BLOCKS = { kind: "random_blocks", block: 64, share: 0.0625, seed: 7 };

/** All that is timed, the most telling first. */
export const TIMED: readonly TimedPattern[] = [
  {
    ...{ label: "causal", part: "dense", file: "patterns/dense.attn", name: "dense_causal" },
    lengths: [16384, 4096, 8192, 32768, 131072],
    params: () => ({}),
    mask: () => ({ kind: "causal" }),
  },
  {
    ...{ label: "causal, 4 kv heads", part: "dense", file: "patterns/dense.attn", name: "dense_causal", kvHeads: 4 },
    lengths: [16384],
    params: () => ({}),
    mask: () => ({ kind: "causal" }),
  },
  {
    ...{ label: "all pairs", part: "dense", file: "patterns/dense.attn", name: "dense" },
    lengths: [16384, 8192],
    params: () => ({}),
    mask: () => ({ kind: "all" }),
  },
  sparse("window 1024", "windows.attn", "sliding_window", { window: 1024 }, "window"),
  sparse("A-shape 128 + 3968", "streaming.attn", "streaming_llm", { sink: 128, window: 3968 }, "a_shape"),
  {
    ...sparse("S2, 16 local blocks, stride 8", "strided_shards.attn", "s2_layers", STRIDED, "strided_shard"),
    call: () => ({ layer: 0 }),
  },
  {
    ...sparse("block-sparse, a sixteenth of the blocks", "caller_maps.attn", "block_sparse", {}, "random_blocks"),
    inputs: () => ({ map: BLOCKS }),
    mask: () => BLOCKS,
  },
  {
    ...sparse("prefix of a quarter", "documents.attn", "prefix_lm", {}, "prefix"),
    call: (length) => ({ prefix: length / 4 }),
    mask: (length) => ({ kind: "prefix", prefix: length / 4 }),
  },
  {
    ...sparse("documents of 256 to 4096", "documents.attn", "packed_documents", {}, "documents"),
    inputs: (length) => ({ doc: documents(length) }),
    mask: documents,
  },
  {
    ...sparse("neighborhood 32 x 32", "neighborhood_tiles", "neighborhood_tiles", {}, "near_2d"),
    file: "bench/patterns/dense.attn",
    params: (length) => ({ ...grid2d(length), ...NEAR_2D }),
    mask: (length) => ({ kind: "near_2d", ...numbers(grid2d(length)), ...NEAR_2D, stride: 8 }),
  },
  {
    ...sparse("neighborhood 6 x 24 x 24", "neighborhood.attn", "gna_hunyuan", {}, "near_3d"),
    params: (length) => ({ ...GRIDS_3D[length]!, ...NEAR_3D }),
    mask: (length) => ({ kind: "near_3d", ...numbers(GRIDS_3D[length]!), ...NEAR_3D }),
  },
  sparse("power, blocks of 256", "power.attn", "power", POWER, "power"),
  { ...sparse("window 1024", "windows.attn", "sliding_window", { window: 1024 }, "window"), part: "growth", lengths: GROWTH },
  {
    ...sparse("A-shape 128 + 1024", "streaming.attn", "streaming_llm", { sink: 128, window: 1024 }, "a_shape"),
    part: "growth",
    lengths: GROWTH,
  },
];

function sparse(label: string, file: string, name: string, params: Readonly<Record<string, number>>, kind: string): TimedPattern {
  const mask = { kind, ...params };
  return { label, part: "sparse", file: `patterns/${file}`, name, lengths: SPARSE, params: () => params, mask: () => mask };
}

function numbers(values: Values): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
}

/** Lengths of documents, the same on every machine: squares of a walk, from 256 to 4096. */
function documents(length: number): PythonMask {
  const lengths: number[] = [];
  for (let sum = 0, i = 0; sum < length; i++) {
    const next = Math.min(length - sum, 256 + ((i * i * 1021 + i * 367) % 3841));
    lengths.push(next);
    sum += next;
  }
  return { kind: "documents", lengths };
}

/** Which blocks a mask of random blocks has, the same on every machine; masks.py has its twin. */
export function randomBlock(head: number, row: number, column: number, { share, seed }: { share: number; seed: number }): boolean {
  if (row === column || column === 0) return true;
  let x = (Math.imul(head + seed, 73856093) ^ Math.imul(row, 19349663) ^ Math.imul(column, 83492791)) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) >>> 0;
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39) >>> 0;
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32 < share;
}
