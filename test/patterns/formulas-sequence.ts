import { div, type Formula, type Pair } from "./formula.js";

const layersOf = (count: number): { layer: number; layers: number }[] =>
  Array.from({ length: count }, (_, layer) => ({ layer, layers: count }));

const aShape = ({ i, j }: Pair, sink: number, window: number): boolean => j <= i && (j < sink || i - j < window);

/** dkernel's get_sparse_attn_mask, in blocks. */
const dkernel = ({ i, j, kvh }: Pair, block: number, local: number, stride: number, step: number, offset = 0): boolean => {
  const [qb, kb] = [div(i, block), div(j, block)];
  const vertical = (kb + kvh * step + offset) % stride === 0;
  return (vertical || qb - kb < local) && j <= i;
};

/** numpy.quantile(values, p), linear. */
function numpyQuantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = p * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low]! + (at - low) * ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!);
}

// patterns/tables, copied by hand.
const alphaDuo = [
  [0.92, 0.11, 0.35, 0.04],
  [0.18, 0.77, 0.52, 0.09],
  [0.61, 0.28, 0.97, 0.43],
  [0.07, 0.5, 0.84, 0.22],
];
const retrievalRazor = [
  [0, 0, 1, 0],
  [1, 0, 0, 0],
  [0, 0, 0, 0],
  [0, 1, 0, 0],
];
const alphaMoa = [
  [0, 0, -1024, 0, 1024, 0, 0, -1024],
  [0, -1024, 0, 0, 0, 2048, 0, 0],
  [0, 0, 0, 3072, 0, 0, -1024, 0],
  [1024, 0, 0, 0, 0, 0, 0, 0],
];
const betaMoa = [
  [0.125, 0.25, 1, 0.5, 0, 0.125, 0, 0.5],
  [0.25, 0.875, 0, 0.125, 0.375, 0, 0.75, 0.125],
  [1, 0.125, 0.25, 0, 0.125, 0.5, 1, 0.25],
  [0, 0.375, 0.125, 0.25, 0.625, 0.125, 0.5, 0],
];

const longgen = ({ i, j, layer, layers }: Pair, sparse: boolean): boolean => {
  const third = layers! / 3;
  return j <= i && (layer! < third || layer! >= 2 * third ? sparse : true);
};

export const sequenceFormulas: readonly Formula[] = [
  { pattern: "dense.attn#dense_causal", rule: ({ i, j }) => j <= i },
  { pattern: "dense.attn#dense", rule: () => true },
  { pattern: "dense.attn#dense_cross", rule: () => true },
  { pattern: "dense.attn#sqa", heads: 4, kvHeads: 2, rule: ({ i, j }) => j <= i },

  { pattern: "windows.attn#sliding_window", params: { window: 17 }, rule: ({ i, j }) => j <= i && j > i - 17 },
  { pattern: "windows.attn#sliding_window_runtime", params: { window: 9 }, rule: ({ i, j }) => j <= i && j >= i - 8 },
  // FlashAttention: inclusive [i - left, i + right].
  { pattern: "windows.attn#window_left_right", params: { left: 5, right: 3 }, rule: ({ i, j }) => j >= i - 5 && j <= i + 3 },
  // FlashAttention-4's test mask.
  {
    pattern: "windows.attn#dilated_window",
    params: { window: 24, dilation: 3 },
    rule: ({ i, j }) => i >= j && i - j < 24 && (i - j) % 3 === 0,
  },
  {
    pattern: "windows.attn#dilated_window_full",
    params: { radius: 12, dilation: 3 },
    rule: ({ i, j }) => Math.abs(i - j) <= 12 && Math.abs(i - j) % 3 === 0,
  },
  {
    pattern: "windows.attn#leading_globals",
    params: { globals: 4, radius: 6 },
    rule: ({ i, j }) => Math.abs(i - j) <= 6 || i < 4 || j < 4,
  },
  { pattern: "windows.attn#based_window", rule: ({ i, j }) => j <= i && i - j <= 63 },

  // Child et al.: A_i^(1) = {t, ..., i} with t = max(0, i - l), and A_i^(2) = {j : (i - j) mod l = 0}.
  {
    pattern: "sparse_transformer.attn#sparse_strided",
    params: { local: 6, stride: 8 },
    rule: ({ i, j }) => j <= i && (j > i - 6 || (i - j) % 8 === 0),
  },
  // A_i^(1) = {j : floor(j / l) = floor(i / l)}, A_i^(2) = {j : j mod l in {l - c, ..., l - 1}}.
  {
    pattern: "sparse_transformer.attn#sparse_fixed",
    params: { block: 16, summary: 3 },
    rule: ({ i, j }) => j <= i && (div(j, 16) === div(i, 16) || [13, 14, 15].includes(j % 16)),
  },

  { pattern: "streaming.attn#streaming_llm", params: { sink: 4, window: 12 }, rule: (at) => aShape(at, 4, 12) },
  {
    pattern: "streaming.attn#tri_shape_prefill",
    params: { sink: 3, window: 7, dense_rows: 10 },
    rule: (at) => (at.N - at.i <= 10 ? at.j <= at.i : aShape(at, 3, 7)),
  },
  {
    pattern: "streaming.attn#triangle_mix",
    params: { sink: 3, window: 7, dense_rows: 10, first_sparse: 2 },
    launches: layersOf(4),
    rule: (at) => (at.layer! < 2 || at.N - at.i <= 10 ? at.j <= at.i : aShape(at, 3, 7)),
  },
  {
    pattern: "streaming.attn#razor",
    params: { sink: 4, least: 10, share: 5 },
    heads: 8,
    kvHeads: 4,
    launches: layersOf(4),
    rule: (at) => (retrievalRazor[at.layer!]![at.kvh] === 1 ? at.j <= at.i : aShape(at, 4, Math.max(10, div(at.N, 5)))),
  },

  {
    pattern: "power.attn#power",
    params: { block: 4, window: 3, sink: 1 },
    rule: ({ i, j }) => {
      const d = div(i, 4) - div(j, 4);
      return j <= i && (d < 3 || (d & (d - 1)) === 0 || div(j, 4) < 1);
    },
  },

  {
    pattern: "strided_shards.attn#s2_heads",
    params: { block: 4, local: 2, stride: 8, shift: 2, offset: 1, first_dense: 3 },
    heads: 8,
    kvHeads: 4,
    rule: (at) => (at.kvh >= 3 ? at.j <= at.i : dkernel(at, 4, 2, 8, Math.max(1, div(8, 4)), 1)),
  },
  {
    pattern: "strided_shards.attn#s2_layers",
    params: { block: 4, local: 2, stride: 4, shift: 1, dense_every: 2 },
    heads: 4,
    kvHeads: 4,
    launches: layersOf(3),
    rule: (at) => (at.layer! % 2 === 1 ? at.j <= at.i : dkernel(at, 4, 2, 4, Math.max(1, div(4, 4)))),
  },
  {
    pattern: "strided_shards.attn#s2_bidirectional",
    params: { block: 4, left: 2, right: 3, stride: 3 },
    rule: ({ i, j }) => {
      const [qb, kb] = [div(i, 4), div(j, 4)];
      return (Math.max(0, qb - kb - 2 + 1) + Math.max(0, kb - qb - 3 + 1)) % 3 === 0;
    },
  },

  // DuoAttention: full head iff alpha >= quantile(alpha, sparsity) over the whole table. At 0.2 the quantile
  // is a value of the table.
  ...[0.5, 0.2].map((sparsity): Formula => {
    const threshold = numpyQuantile(alphaDuo.flat(), sparsity);
    return {
      pattern: "head_tables.attn#duo",
      params: { sink: 4, recent: 10, sparsity },
      heads: 8,
      kvHeads: 4,
      launches: layersOf(4),
      rule: (at) => (alphaDuo[at.layer!]![at.kvh]! >= threshold ? at.j <= at.i : aShape(at, 4, 10)),
    };
  }),
  // MoA: span = clamp(alpha + beta N, 128, N) rounded up to 64, of which 64 are sink.
  {
    pattern: "head_tables.attn#moa",
    heads: 8,
    kvHeads: 8,
    lengths: [200, 333],
    launches: layersOf(4),
    rule: (at) => {
      const { i, j, N, h, layer } = at;
      const raw = Math.max(128, Math.min(N, alphaMoa[layer!]![h]! + betaMoa[layer!]![h]! * N));
      const span = Math.ceil(raw / 64) * 64;
      return j <= i && (j < 64 || i - j < span - 64);
    },
  },

  {
    pattern: "layer_mixtures.attn#longgen_window",
    params: { sink: 4, window: 9 },
    launches: [...layersOf(7), ...layersOf(6)],
    rule: (at) => longgen(at, aShape(at, 4, 9)),
  },
  {
    pattern: "layer_mixtures.attn#longgen_blocks",
    params: { block: 8, sink: 1, stride: 3 },
    launches: layersOf(6),
    rule: (at) => longgen(at, div(at.j, 8) === 0 || (div(at.i, 8) - div(at.j, 8)) % 3 === 0),
  },

  { pattern: "groups.attn#block_diagonal", params: { block: 8 }, rule: ({ i, j }) => div(i, 8) === div(j, 8) },
  { pattern: "groups.attn#block_diagonal_causal", params: { block: 8 }, rule: ({ i, j }) => j <= i && div(i, 8) === div(j, 8) },
  { pattern: "groups.attn#block_causal", params: { block: 8 }, rule: ({ i, j }) => j < (div(i, 8) + 1) * 8 },
  {
    pattern: "groups.attn#block_transformer",
    rule: ({ i, j }) => j <= i && j >= i - (i % 5),
  },
  // LongLoRA rolls the tokens of half of the heads by half a group, then cuts them into groups.
  {
    pattern: "groups.attn#sink_lora",
    params: { groups: 4, first_shifted: 2, sink: 3 },
    heads: 4,
    kvHeads: 2,
    lengths: [64, 48],
    rule: ({ i, j, h, N }) => {
      const size = N / 4;
      const rolled = (position: number): number => (h >= 2 ? (position - size / 2 + N) % N : position);
      return j <= i && (j < 3 || div(rolled(i), size) === div(rolled(j), size));
    },
  },
  { pattern: "groups.attn#pivots_first", params: { pivots: 12 }, rule: ({ i, j }) => (i < 12 ? j < 12 : true) },
  // attention-gym: n clean tokens behind n noisy ones, B(x) = (x % n) // L.
  {
    pattern: "groups.attn#block_diffusion",
    params: { block: 4 },
    lengths: [32, 56],
    rule: ({ i, j, N }) => {
      const n = N / 2;
      const B = (x: number): number => div(x % n, 4);
      const noisy = (x: number): boolean => x < n;
      const diagonal = B(i) === B(j) && noisy(i) === noisy(j);
      const offset = B(i) > B(j) && noisy(i) && !noisy(j);
      const blockCausal = B(i) >= B(j) && !noisy(i) && !noisy(j);
      return diagonal || offset || blockCausal;
    },
  },
  { pattern: "documents.attn#prefix_lm", params: { prefix: 13 }, rule: ({ i, j }) => j < 13 || i >= j },
  { pattern: "chosen_tokens.attn#checkpoints", params: { segment: 8 }, rule: ({ i, j }) => j === i || (j < i && j % 8 === 7) },
];
