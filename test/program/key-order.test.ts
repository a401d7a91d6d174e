import fc from "fast-check";
import { expect, it } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { BitsValue, MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { mapBits } from "../../compiler/mask/map-bits.js";
import { choosers, interpretKeyOrder } from "../../compiler/program/interpret-key-order.js";
import type { TileTrace } from "../../compiler/program/interpret.js";
import { lowerKeyOrder } from "../../compiler/program/lower.js";
import { printProgram } from "../../compiler/program/print.js";
import { verifyProgram } from "../../compiler/program/verify.js";
import { keyOrder } from "../../compiler/tiles/key-order.js";
import { compare } from "../../runtime/verify/compare.js";
import { random } from "../../runtime/verify/random.js";
import { expectedWithin } from "../../runtime/verify/tolerance.js";
import { BATCH, environment, moduleOf } from "../mask/arbitrary.js";
import { chosenBit, choosing, withBlocks } from "../mask/chosen-blocks.js";

/** Blocks chosen at random: by no query at all, by all of them, or with some density. */
function withChoices(env: MaskEnv, unit: number, heads: number, seed: number): MaskEnv {
  const source = random(seed);
  const [rows, columns] = [env.NQ, Math.ceil(env.N / unit)];
  const density = [0, 0.1, 0.4, 1][seed % 4]!;
  const data = Uint8Array.from({ length: BATCH * heads * rows * columns }, () => (source.chance(density) ? 1 : 0));
  const best: BitsValue = { kind: "bits", batch: BATCH, heads, rows, columns, data };
  return { ...env, inputs: { ...env.inputs, best } };
}

interface Case {
  readonly module: MaskModule;
  readonly unit: number;
  readonly env: MaskEnv;
}

const cases: fc.Arbitrary<Case> = fc
  .record({ unit: fc.constantFrom(2, 4, 6, 16), heads: fc.constantFrom(1, 2, 4), seed: fc.nat(1000), env: environment(24) })
  .chain(({ unit, heads, seed, env }) =>
    withBlocks(unit).map((mask) => ({ module: choosing(moduleOf(mask), unit), unit, env: withChoices(env, unit, heads, seed) })),
  );

it("each pair is served once, by the blocks that queries chose or without them", () => {
  let found = 0;
  fc.assert(
    fc.property(cases, ({ module, unit, env }) => {
      const order = keyOrder(module);
      if (order === undefined) return;
      found++;
      const first = env.N - env.NQ;
      for (let b = 0; b < BATCH; b++) {
        for (let h = 0; h < env.heads; h++) {
          const looks = headEvaluator(module, env, b, h);
          const chosen = headEvaluator({ ...module, mask: order.chosen.mask }, env, b, h);
          const rest = order.rest && headEvaluator(order.rest, env, b, h);
          const serves = Array.from({ length: Math.ceil(env.N / unit) }, (_, block) => new Set(choosers(order, env, b, h, block)));
          for (let q = first; q < env.N; q++) {
            for (let k = 0; k < env.N; k++) {
              const byBlock = serves[Math.floor(k / unit)]!.has(q - first) && chosen(q, k) ? 1 : 0;
              expect(byBlock + (rest?.(q, k) === true ? 1 : 0), `query ${q}, key ${k}`).toBe(looks(q, k) ? 1 : 0);
            }
          }
        }
      }
    }),
    { numRuns: 150 },
  );
  expect(found).toBeGreaterThan(75);
});

function tensors(env: MaskEnv, headDim: number, valueDim: number, seed: number) {
  const source = random(seed);
  const fill = (count: number): Float32Array => Float32Array.from({ length: count }, () => source.normal());
  return {
    q: fill(BATCH * env.heads * env.NQ * headDim),
    k: fill(BATCH * env.kvHeads * env.N * headDim),
    v: fill(BATCH * env.kvHeads * env.N * valueDim),
  };
}

/** The interpretation of a module's key order against dense attention in float64; undefined where there is none, or all is right. */
function wrong({ module, env }: Case, tiles: { readonly tileQ: number; readonly tileK: number }, trace?: TileTrace): string | undefined {
  const [headDim, valueDim] = [8, 4];
  const programs = lowerKeyOrder(module, tiles);
  if (programs === undefined) return undefined;
  const { chosen, rest } = programs;
  expect([...verifyProgram(chosen), ...(rest === undefined ? [] : verifyProgram(rest))]).toEqual([]);
  const data = tensors(env, headDim, valueDim, 7);
  const got = interpretKeyOrder(programs, data, { env, batch: BATCH, headDim, valueDim }, trace);
  const heads = Array.from({ length: BATCH * env.heads }, (_, i) => headEvaluator(module, env, Math.floor(i / env.heads), i % env.heads));
  const sizes = { batch: BATCH, heads: env.heads, kvHeads: env.kvHeads, headDim, valueDim, queries: env.NQ, keys: env.N };
  const mask = (b: number, h: number, q: number, k: number): boolean => heads[b * env.heads + h]!(q, k);
  const result = compare(expectedWithin({ ...sizes, firstPosition: env.N - env.NQ, ...data, mask }, "f32"), got, sizes);
  return result.ok ? undefined : JSON.stringify(result.worst);
}

it("the parts of all queries add up to dense attention in float64", () => {
  fc.assert(
    fc.property(cases, fc.constantFrom(4, 8), fc.constantFrom(4, 8), (one, tileQ, tileK) => {
      expect(wrong(one, { tileQ, tileK })).toBeUndefined();
    }),
    { numRuns: 100 },
  );
});

const causalBlocks = choosing({ ...moduleOf(m.and(m.le(m.k, m.q), chosenBit(16))), inputs: [], scalars: [], params: [], phases: [] }, 16);

it("visits as many tiles as the queries of each block fill, and masks those of its own queries only", () => {
  const [N, unit] = [64, 16];
  const env: MaskEnv = { N, NQ: N, heads: 4, kvHeads: 2 };
  // Every fourth query chose block 0 beside its own.
  const data = Uint8Array.from({ length: BATCH * 4 * N * 4 }, (_, i) => {
    const [query, block] = [Math.floor(i / 4) % N, i % 4];
    return Math.floor(query / unit) === block || (block === 0 && query % 4 === 0) ? 1 : 0;
  });
  const best: BitsValue = { kind: "bits", batch: BATCH, heads: 4, rows: N, columns: 4, data };
  const trace: TileTrace = { visited: 0, masked: 0 };
  expect(wrong({ module: causalBlocks, unit, env: { ...env, inputs: { best } } }, { tileQ: 8, tileK: 8 }, trace)).toBeUndefined();
  // Of each head: 3 tiles of own queries of each block, of which 2 on the diagonal; 12 queries of others fill 1 1/2 tiles,
  // and 4 rows more join the last of them.
  expect(trace).toEqual({ visited: BATCH * 4 * (4 * 3 + 2 * 2), masked: BATCH * 4 * (4 * 2) });
});

it("prints the program of the queries that chose a block", () => {
  expect(printProgram(lowerKeyOrder(causalBlocks, { tileQ: 32, tileK: 16 })!.chosen)).toMatchInlineSnapshot(`
    "program random: tiles of 32 queries x 16 keys, head dim 8, value dim 8, f32, first first
      the rows are queries that chose a block of 16 keys by best
      load Q * scale
      m = -1e+30
      l = 0
      O = 0
      for each key tile in the chosen block that may look: (k0 <= q1)
        load K
        S = Q K^T
        when ((q0 < k1) | (places < (place + 16))):
          mask S unless k <= q, which in a tile from k on is the keys in [0, q + 1)
        n = max(m, row max of S)
        a = exp2(m - n)
        P = exp2(S - n)
        m = n
        l *= a
        l += row sum of P
        O *= a
        load V
        O += P V
      O /= l, 0 where l is 0
      keep part O with m + log2 l
    "
  `);
});

it("is there only where one selection of blocks by queries adds pairs", () => {
  const { mask } = causalBlocks;
  expect(keyOrder({ ...causalBlocks, mask: m.not(mask) })).toBeUndefined();
  expect(keyOrder({ ...causalBlocks, selections: [] })).toBeUndefined();
  const [best] = causalBlocks.selections!;
  const more = { ...best!, name: "more" };
  const alsoMore = m.or(
    mask,
    mapBits(mask, (bit) => ({ ...bit, input: "more" })),
  );
  expect(keyOrder({ ...causalBlocks, selections: [best!, more] })).toBeDefined();
  expect(keyOrder({ ...causalBlocks, mask: alsoMore, selections: [best!, more] })).toBeUndefined();
  expect(keyOrder({ ...causalBlocks })!.grouped).toBe(true);
  expect(keyOrder({ ...causalBlocks, mask: m.and(mask, m.lt(m.variable("h"), m.int(2))) })!.grouped).toBe(false);
});
