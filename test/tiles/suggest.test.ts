import { expect, it } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { BoolExpr, MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { boxes, suggestions } from "../../compiler/tiles/suggest.js";
import type { Variant } from "../../compiler/tiles/suggest.js";
import { moduleOf } from "../mask/arbitrary.js";

const distance = m.sub(m.q, m.k);
const causal = m.le(m.k, m.q);
const size = { tileQ: 32, tileK: 32 };
const env = (N: number): MaskEnv => ({ N, NQ: N, heads: 2, kvHeads: 1 });
const shape = { heads: 2, kvHeads: 1, headDim: 64, valueDim: 64, dtype: "f32", batch: 1 } as const;
const bare = (mask: BoolExpr): MaskModule => ({ ...moduleOf(mask), inputs: [], scalars: [], params: [] });

function suggest(module: MaskModule, N: number, variants: readonly Variant[] = []) {
  return suggestions(module, env(N), { shape, size, variants });
}

/** The share of tiles that hold a pair, where `order` says which token is at a place. */
function computed(module: MaskModule, N: number, tileQ: number, tileK: number, order = (place: number): number => place): number {
  const looks = headEvaluator(module, env(N), 0, 0);
  const found = new Set<string>();
  for (let q = 0; q < N; q++) {
    for (let k = 0; k < N; k++) if (looks(order(q), order(k))) found.add(`${Math.floor(q / tileQ)},${Math.floor(k / tileK)}`);
  }
  return found.size / (Math.ceil(N / tileQ) * Math.ceil(N / tileK));
}

it("finds boxes with as many tokens as a tile", () => {
  expect(boxes([4, 100], 32)).toEqual([
    [1, 32],
    [2, 16],
    [4, 8],
  ]);
  expect(boxes([2, 2], 32)).toEqual([]);
});

it("suggests an order of the tokens of a grid, with the tiles that it has", () => {
  const [height, width] = [16, 24];
  const near = (x: typeof m.q, y: typeof m.q): BoolExpr => m.le(m.abs(m.sub(x, y)), m.int(2));
  const rows = near(m.div(m.q, m.int(width)), m.div(m.k, m.int(width)));
  const columns = near(m.mod(m.q, m.int(width)), m.mod(m.k, m.int(width)));
  const axes = [
    { name: "y", extent: height },
    { name: "x", extent: width },
  ];
  const module: MaskModule = { ...bare(m.and(rows, columns)), space: { kind: "self", causal: false, axes, segments: [] } };
  const N = height * width;
  const found = suggest(module, N).find(({ kind }) => kind === "layout")!;
  const orderOf =
    ([tall, wide]: readonly number[]) =>
    (place: number): number => {
      const [box, inside] = [Math.floor(place / 32), place % 32];
      const across = width / wide!;
      const [y, x] = [Math.floor(box / across) * tall! + Math.floor(inside / wide!), (box % across) * wide! + (inside % wide!)];
      return y * width + x;
    };
  const shares = boxes([height, width], 32)
    .filter(([tall, wide]) => height % tall! === 0 && width % wide! === 0)
    .map((sizes) => ({ change: `layout tiles(${sizes.join(", ")})`, share: computed(module, N, 32, 32, orderOf(sizes)) }));
  const best = shares.reduce((least, each) => (each.share < least.share ? each : least));
  expect(found).toMatchObject({ change: best.change, changesMeaning: false });
  expect(found.before.computed).toBeCloseTo(computed(module, N, 32, 32), 12);
  expect(found.after.computed).toBeCloseTo(best.share, 12);
});

it("suggests to put the tokens of a residue class side by side", () => {
  const module = bare(m.and(causal, m.and(m.lt(distance, m.int(512)), m.eq(m.mod(distance, m.int(4)), m.int(0)))));
  const found = suggest(module, 1000).find(({ kind }) => kind === "layout")!;
  expect(found).toMatchObject({ change: "layout residues(4)", changesMeaning: false });
  // 1000 tokens are three periods of 4 * 64, and a rest in its own order.
  const order = (place: number): number => {
    const [period, inside] = [Math.floor(place / 256), place % 256];
    return period < 3 ? period * 256 + (inside % 64) * 4 + Math.floor(inside / 64) : place;
  };
  expect(found.after.computed).toBeCloseTo(computed(module, 1000, 32, 32, order), 12);
});

it("suggests smaller tiles where they compute less", () => {
  const module = bare(m.and(causal, m.eq(m.mod(m.div(distance, m.int(16)), m.int(4)), m.int(1))));
  const [found] = suggest(module, 500);
  expect(found).toMatchObject({ kind: "tiles", change: "tiles of 16 x 16" });
  expect(found!.after.computed).toBeCloseTo(computed(module, 500, 16, 16), 12);
  expect(found!.after.density).toBe(found!.before.density);
});

it("suggests larger tiles where they compute no more and read less", () => {
  const blocks = bare(m.eq(m.div(m.q, m.int(128)), m.div(m.k, m.int(128))));
  expect(suggest(blocks, 1024)).toMatchObject([{ kind: "tiles", change: "tiles of 128 x 16", after: { computed: 1 / 8 } }]);
});

it("suggests the value of a parameter that wastes least, and says that it is another mask", () => {
  const strided = (stride: number): MaskModule => bare(m.and(causal, m.eq(m.mod(m.k, m.int(stride)), m.int(0))));
  const blocks = (block: number): MaskModule => bare(m.eq(m.div(m.q, m.int(block)), m.div(m.k, m.int(block))));
  const variants = [48, 64].map((value) => ({ name: "block", value, module: blocks(value) }));
  const found = suggest(blocks(50), 960, [...variants, { name: "stride", value: 8, module: strided(8) }]);
  expect(found.filter(({ kind }) => kind === "parameter")).toMatchObject([{ change: "--set block=64", changesMeaning: true }]);
});

it("has nothing to say of a mask without pairs, and of one with all", () => {
  expect(suggest(bare(m.bool(true)), 100)).toEqual([]);
  expect(suggest(bare(m.bool(false)), 100)).toEqual([]);
});
