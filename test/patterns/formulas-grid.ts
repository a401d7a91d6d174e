import { div, natten, place, volume, type Formula, type Pair } from "./formula.js";

type Rule = (q: number[], k: number[], at: Pair) => boolean;

/** A pattern on a grid: the rule is on coordinates. */
function onGrid(extents: readonly number[], formula: Omit<Formula, "rule" | "lengths">, rule: Rule): Formula {
  return { ...formula, lengths: [volume(extents)], rule: (at) => rule(place(at.i, extents), place(at.j, extents), at) };
}

/** The same with text behind the grid, which sees all and is seen by all. */
function withText(extents: readonly number[], words: number, formula: Omit<Formula, "rule" | "lengths">, rule: Rule): Formula {
  const grid = volume(extents);
  return {
    ...formula,
    lengths: [grid + words],
    rule: (at) => at.i >= grid || at.j >= grid || rule(place(at.i, extents), place(at.j, extents), at),
  };
}

const layers = [{ layer: 0 }, { layer: 1 }, { layer: 2 }];
const [T, Y, X] = [0, 1, 2];

function neighborhood1d(length: number, window: number, stride: number, dilation: number): Formula[] {
  const params = { length, window, stride, dilation };
  return [
    onGrid([length], { pattern: "neighborhood.attn#neighborhood_1d", params }, (q, k) =>
      natten(q[0]!, k[0]!, length, window, stride, dilation),
    ),
    onGrid([length], { pattern: "neighborhood.attn#neighborhood_1d_causal", params }, (q, k) =>
      natten(q[0]!, k[0]!, length, window, stride, dilation, true),
    ),
  ];
}

function neighborhood2d(height: number, width: number, window: number, stride: number, dilation: number): Formula {
  return onGrid(
    [height, width],
    { pattern: "neighborhood.attn#neighborhood_2d", params: { height, width, window, stride, dilation } },
    (q, k) => natten(q[0]!, k[0]!, height, window, stride, dilation) && natten(q[1]!, k[1]!, width, window, stride, dilation),
  );
}

const cells = (position: number[], cell: readonly number[]): number[] => position.map((c, axis) => div(c, cell[axis]!));

const [proxies, proxyGrid, proxyWindow] = [
  { frames: 4, height: 8, width: 6, window_t: 2, window_y: 4, window_x: 3 },
  [4, 8, 6],
  [2, 4, 3],
] as const;
const isProxy = (at: number[]): boolean => at.every((c, axis) => c % proxyWindow[axis]! === div(proxyWindow[axis]!, 2));

export const gridFormulas: readonly Formula[] = [
  ...neighborhood1d(40, 7, 1, 1),
  ...neighborhood1d(40, 8, 1, 1),
  ...neighborhood1d(41, 8, 3, 1),
  ...neighborhood1d(43, 6, 2, 3),
  ...neighborhood1d(40, 8, 8, 1),
  ...neighborhood1d(37, 5, 5, 4),
  ...neighborhood1d(24, 24, 1, 1),
  ...neighborhood1d(31, 1, 1, 5),
  neighborhood2d(9, 7, 3, 1, 1),
  neighborhood2d(8, 11, 4, 2, 2),
  neighborhood2d(12, 8, 4, 4, 1),
  onGrid([7, 9], { pattern: "neighborhood.attn#neighborhood_2d_any_size", params: { y: 7, x: 9, window: 5 } }, (q, k) =>
    [7, 9].every((extent, axis) => natten(q[axis]!, k[axis]!, extent, 5)),
  ),
  onGrid(
    [4, 5, 6],
    {
      pattern: "neighborhood.attn#neighborhood_3d",
      params: { frames: 4, height: 5, width: 6, window_t: 2, window_y: 3, window_x: 4, stride_t: 1, stride_y: 2, stride_x: 3 },
    },
    (q, k) => natten(q[T]!, k[T]!, 4, 2, 1) && natten(q[Y]!, k[Y]!, 5, 3, 2) && natten(q[X]!, k[X]!, 6, 4, 3),
  ),
  onGrid(
    [5, 4, 6],
    {
      pattern: "neighborhood.attn#neighborhood_3d_causal_time",
      params: { frames: 5, height: 4, width: 6, window_t: 2, window_y: 3, window_x: 4 },
    },
    (q, k) => natten(q[T]!, k[T]!, 5, 2, 1, 1, true) && natten(q[Y]!, k[Y]!, 4, 3) && natten(q[X]!, k[X]!, 6, 4),
  ),
  onGrid(
    [6, 8, 8],
    {
      pattern: "neighborhood.attn#gna_hunyuan",
      params: { frames: 6, height: 8, width: 8, window_t: 4, window_y: 4, window_x: 6, stride_t: 2, stride_y: 4, stride_x: 2 },
    },
    (q, k) => natten(q[T]!, k[T]!, 6, 4, 2) && natten(q[Y]!, k[Y]!, 8, 4, 4) && natten(q[X]!, k[X]!, 8, 6, 2),
  ),
  withText([6, 7], 5, { pattern: "neighborhood.attn#neighborhood_2d_text", params: { height: 6, width: 7, words: 5, window: 3 } }, (q, k) =>
    [6, 7].every((extent, axis) => natten(q[axis]!, k[axis]!, extent, 3)),
  ),

  onGrid([6, 9], { pattern: "grid_windows.attn#axial", params: { height: 6, width: 9 }, launches: layers }, (q, k, { layer }) =>
    layer! % 2 === 0 ? q[0] === k[0] : q[1] === k[1],
  ),
  onGrid(
    [6, 9],
    { pattern: "grid_windows.attn#axial_causal", params: { height: 6, width: 9 }, launches: layers },
    (q, k, { layer, i, j }) => j <= i && (layer! % 2 === 0 ? q[0] === k[0] : q[1] === k[1]),
  ),
  // HaloNet: (b + 2h)^2 keys around a block, missing ones are not there.
  onGrid([10, 13], { pattern: "grid_windows.attn#halo_2d", params: { height: 10, width: 13, block: 4, halo: 2 } }, (q, k) =>
    [0, 1].every((axis) => {
      const first = q[axis]! - (q[axis]! % 4) - 2;
      return k[axis]! >= first && k[axis]! <= first + 4 + 2 * 2 - 1;
    }),
  ),
  {
    pattern: "grid_windows.attn#halo_1d",
    params: { block: 8, halo: 3 },
    rule: ({ i, j }) => {
      const first = i - (i % 8) - 3;
      return j >= first && j <= first + 8 + 2 * 3 - 1;
    },
  },
  onGrid([9, 8], { pattern: "grid_windows.attn#grid_blocks", params: { height: 9, width: 8, window: 3 } }, (q, k) =>
    [0, 1].every((axis) => div(q[axis]!, 3) === div(k[axis]!, 3)),
  ),
  // Swin: roll by -shift, cut into windows, and keep apart what the roll brought together.
  onGrid(
    [8, 12],
    { pattern: "grid_windows.attn#shifted_windows", params: { height: 8, width: 12, window: 4, shift: 2 }, launches: layers },
    (q, k, { layer }) =>
      [8, 12].every((extent, axis) => {
        const shift = layer! % 2 === 1 ? 2 : 0;
        const rolled = (c: number): number => (c - shift + extent) % extent;
        const wrapped = (c: number): boolean => c < shift;
        return div(rolled(q[axis]!), 4) === div(rolled(k[axis]!), 4) && wrapped(q[axis]!) === wrapped(k[axis]!);
      }),
  ),
  onGrid(proxyGrid, { pattern: "grid_windows.attn#proxies_mix", params: proxies }, (q, k) => isProxy(q) && isProxy(k)),
  onGrid(proxyGrid, { pattern: "grid_windows.attn#proxies_spread", params: proxies }, (_, k) => isProxy(k)),
  onGrid([7, 8], { pattern: "grid_windows.attn#pixel_window", params: { height: 7, width: 8, radius: 1 } }, (q, k) =>
    [-1, 0, 1].some((dy) => [-1, 0, 1].some((dx) => q[0]! + dy === k[0] && q[1]! + dx === k[1])),
  ),
  withText(
    [4, 6, 8],
    7,
    {
      pattern: "grid_windows.attn#grat_criss_cross",
      params: { frames: 4, height: 6, width: 8, words: 7, cell_t: 2, cell_y: 3, cell_x: 2 },
    },
    (q, k) => {
      const [a, b] = [cells(q, [2, 3, 2]), cells(k, [2, 3, 2])];
      return a[T] === b[T] || a[Y] === b[Y] || a[X] === b[X];
    },
  ),
  withText(
    [6, 6, 8],
    5,
    {
      pattern: "grid_windows.attn#grat_surrounding",
      params: { frames: 6, height: 6, width: 8, words: 5, cell_t: 2, cell_y: 2, cell_x: 2, radius: 1 },
    },
    (q, k) => {
      const [a, b] = [cells(q, [2, 2, 2]), cells(k, [2, 2, 2])];
      return a.every((c, axis) => Math.abs(c - b[axis]!) <= 1);
    },
  ),
  {
    pattern: "grid_windows.attn#visual_radius",
    params: { height: 7, width: 8, words: 10, radius: 3, first_dropped: 2 },
    lengths: [66],
    launches: layers,
    rule: ({ i, j, layer }) => {
      if (j > i) return false;
      if (i >= 56) return true;
      if (layer! >= 2) return false;
      const [q, k] = [place(i, [7, 8]), place(j, [7, 8])];
      return Math.hypot(q[0]! - k[0]!, q[1]! - k[1]!) <= 3;
    },
  },
];
