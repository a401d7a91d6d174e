import fc from "fast-check";
import type { BitsValue, IdsValue, MaskEnv } from "../../compiler/mask/evaluate.js";
import type { BoolExpr, HostExpr, Input, IntExpr, MaskModule, RuntimeParam, Variable } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";

/**
 * Random mask expressions over the whole IR, with an environment that they can be evaluated in.
 * Values are kept small enough that no 32-bit operation overflows for lengths up to a few thousand.
 */

export const PARAMS: readonly RuntimeParam[] = [
  { name: "w", default: 8, min: 0 },
  { name: "g", default: 4, min: 1 },
];

export const INPUTS: readonly Input[] = [
  { kind: "ids", name: "doc", axis: "k" },
  { kind: "bits", name: "map", rows: "q", columns: "k" },
  { kind: "blocks", name: "blk", n: 8, m: 4 },
  { kind: "columns", name: "cols" },
  { kind: "diagonals", name: "diags" },
];

export const SCALARS: readonly { readonly expr: HostExpr; readonly note: string }[] = [
  {
    note: "a window that grows with N and h",
    expr: {
      kind: "floor",
      a: {
        kind: "add",
        a: { kind: "mul", a: { kind: "number", value: 0.25 }, b: { kind: "var", name: "N" } },
        b: { kind: "var", name: "h" },
      },
    },
  },
  { note: "kvh == 0", expr: { kind: "eq", a: { kind: "var", name: "kvh" }, b: { kind: "number", value: 0 } } },
];

const uniformVariables: readonly Variable[] = ["h", "kvh", "b", "N", "NQ", "layer", "layers", "step", "steps", "phase"];

const leaf: fc.Arbitrary<IntExpr> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<IntExpr>(m.q, m.k) },
  { weight: 3, arbitrary: fc.constant(m.sub(m.q, m.k)) },
  { weight: 3, arbitrary: fc.integer({ min: -40, max: 40 }).map(m.int) },
  { weight: 1, arbitrary: fc.constantFrom(...uniformVariables).map(m.variable) },
  { weight: 1, arbitrary: fc.constantFrom("w", "g").map(m.param) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1).map(m.scalar) },
);

/** A divisor: positive whatever the environment. */
const divisor: fc.Arbitrary<IntExpr> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 17 }).map(m.int) },
  { weight: 1, arbitrary: fc.constant(m.param("g")) },
  { weight: 1, arbitrary: leaf.map((a) => m.max(a, m.int(1))) },
);

/** An integer expression of at most the given depth. */
export function intExpr(depth = 3): fc.Arbitrary<IntExpr> {
  if (depth === 0) return leaf;
  const a = intExpr(depth - 1);
  return fc.oneof(
    { weight: 2, arbitrary: leaf },
    { weight: 4, arbitrary: fc.tuple(fc.constantFrom("add", "sub", "min", "max"), a, a).map(([kind, x, y]) => m.binary(kind, x, y)) },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom("div", "mod"), a, divisor).map(([kind, x, y]) => m.binary(kind, x, y)) },
    { weight: 1, arbitrary: fc.tuple(a, fc.integer({ min: -4, max: 4 })).map(([x, c]) => m.mul(x, m.int(c))) },
    { weight: 1, arbitrary: fc.tuple(leaf, leaf).map(([x, y]) => m.mul(x, y)) },
    { weight: 1, arbitrary: a.map(m.neg) },
    { weight: 1, arbitrary: a.map(m.abs) },
    { weight: 1, arbitrary: a.map((x) => m.load("doc", x)) },
    { weight: 1, arbitrary: fc.tuple(boolExpr(depth - 1), a, a).map(([c, x, y]) => m.select(c, x, y)) },
  );
}

const bitLeaf: fc.Arbitrary<BoolExpr> = fc.oneof(
  fc.constant(m.bit("map", m.q, m.k)),
  fc.constant(m.bit("blk", m.div(m.q, m.int(8)), m.div(m.k, m.int(4)))),
  fc.constant(m.bit("cols", m.int(0), m.k)),
  fc.constant(m.bit("diags", m.int(0), m.add(m.sub(m.q, m.k), m.sub(m.variable("N"), m.int(1))))),
);

function comparison(depth: number): fc.Arbitrary<BoolExpr> {
  const a = intExpr(depth);
  return fc.tuple(fc.constantFrom("lt", "le", "eq", "ne"), a, a).map(([op, x, y]) => m.compare(op, x, y));
}

/** A boolean expression of at most the given depth. */
export function boolExpr(depth = 3): fc.Arbitrary<BoolExpr> {
  if (depth === 0) {
    return fc.oneof(
      { weight: 6, arbitrary: comparison(0) },
      { weight: 1, arbitrary: fc.boolean().map(m.bool) },
      { weight: 1, arbitrary: bitLeaf },
      { weight: 1, arbitrary: fc.constant(m.eq(m.load("doc", m.q), m.load("doc", m.k))) },
    );
  }
  const a = boolExpr(depth - 1);
  return fc.oneof(
    { weight: 5, arbitrary: comparison(depth - 1) },
    { weight: 3, arbitrary: fc.array(a, { minLength: 1, maxLength: 3 }).map((items) => m.and(...items)) },
    { weight: 3, arbitrary: fc.array(a, { minLength: 1, maxLength: 3 }).map((items) => m.or(...items)) },
    { weight: 2, arbitrary: a.map(m.not) },
    { weight: 1, arbitrary: intExpr(depth - 1).map(m.pow2) },
    { weight: 1, arbitrary: bitLeaf },
    { weight: 1, arbitrary: fc.tuple(a, a, a).map(([c, x, y]) => m.choose(c, x, y)) },
  );
}

/** The module around a mask of {@link boolExpr}; self space, 4 heads on 2 kv heads. */
export function moduleOf(mask: BoolExpr): MaskModule {
  return {
    name: "random",
    origin: "random.attn:1",
    space: { kind: "self", causal: false, axes: [], segments: [] },
    shape: { heads: 4, kvHeads: 2, headDim: 8, valueDim: 8, dtype: "f32" },
    params: PARAMS,
    inputs: INPUTS,
    tables: [],
    scalars: SCALARS,
    phases: ["prefill", "decode"],
    mask,
    emitLse: false,
    requireRowsNonempty: false,
  };
}

/** An environment for {@link moduleOf}: lengths up to `maxLength`, NQ <= N, inputs filled at random. */
export function environment(maxLength = 40): fc.Arbitrary<MaskEnv> {
  return fc
    .record({
      N: fc.integer({ min: 1, max: maxLength }),
      short: fc.nat(maxLength),
      layer: fc.nat(3),
      step: fc.nat(7),
      phase: fc.nat(1),
      w: fc.integer({ min: 0, max: 30 }),
      g: fc.integer({ min: 1, max: 9 }),
      seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      density: fc.constantFrom(0.05, 0.5, 0.95, 1),
    })
    .map(({ N, short, layer, step, phase, w, g, seed, density }) => {
      const NQ = Math.max(1, N - short);
      const random = generator(seed);
      return {
        N,
        NQ,
        heads: 4,
        kvHeads: 2,
        layer,
        layers: 4,
        step,
        steps: 8,
        phase,
        params: { w, g },
        inputs: {
          doc: ids(2, N, random),
          map: bits(1, 4, NQ, N, random, density),
          blk: bits(2, 2, Math.ceil(N / 8), Math.ceil(N / 4), random, density),
          cols: bits(1, 1, 1, N, random, density),
          diags: bits(1, 2, 1, 2 * N - 1, random, density),
        },
      };
    });
}

/** The batch size that the inputs of {@link environment} hold. */
export const BATCH = 2;

/** A small linear congruential generator of numbers in [0, 1). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}

/** Rising document ids, as packed sequences have them, with a jump back now and then. */
function ids(batch: number, length: number, random: () => number): IdsValue {
  const data = new Int32Array(batch * length);
  let id = 0;
  for (let i = 0; i < data.length; i++) {
    const r = random();
    if (r < 0.15) id++;
    else if (r > 0.98) id = 0;
    data[i] = id;
  }
  return { kind: "ids", batch, length, data };
}

function bits(batch: number, heads: number, rows: number, columns: number, random: () => number, density: number): BitsValue {
  const data = Uint8Array.from({ length: batch * heads * rows * columns }, () => (random() < density ? 1 : 0));
  return { kind: "bits", batch, heads, rows, columns, data };
}
