import fc from "fast-check";
import { expect, it } from "vitest";
import { evaluateBool, evaluateInt, headEvaluator } from "../../compiler/mask/evaluate.js";
import type { BoolExpr, IntExpr } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { tileFrame } from "../../compiler/tiles/evaluate.js";
import { bandsInTile } from "../../compiler/tiles/in-tile.js";
import { BATCH, boolExpr, environment, moduleOf } from "../mask/arbitrary.js";

const TILE = 4;

/** Blocks and remainders of positions, whose sizes are multiples of the tile's or not. */
const blocks: fc.Arbitrary<IntExpr> = fc.oneof(
  fc.constantFrom<IntExpr>(m.k, m.q),
  fc.tuple(fc.constantFrom(m.k, m.q), fc.constantFrom(4, 8, 12, 6)).map(([a, size]) => m.div(a, m.int(size))),
  fc.tuple(fc.constantFrom(m.k, m.q), fc.constantFrom(4, 8, 16, 10)).map(([a, size]) => m.mod(a, m.int(size))),
  fc.tuple(fc.constantFrom(8, 16), fc.constantFrom(4, 8)).map(([whole, size]) => m.div(m.mod(m.k, m.int(whole)), m.int(size))),
  fc.constantFrom(4, -8).map((by) => m.mod(m.add(m.k, m.int(by)), m.int(8))),
);
const compared: fc.Arbitrary<BoolExpr> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom(m.lt, m.le, m.eq), blocks, blocks).map(([compare, a, b]) => compare(a, b)) },
  { weight: 2, arbitrary: fc.tuple(blocks, blocks, fc.integer({ min: -8, max: 20 })).map(([a, b, n]) => m.lt(m.sub(a, b), m.int(n))) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 24 }).map((n) => m.lt(m.k, m.mul(m.div(m.variable("N"), m.int(n + 1)), m.int(4)))) },
  { weight: 1, arbitrary: fc.constant(m.bit("blk", m.div(m.q, m.int(8)), m.div(m.k, m.int(4)))) },
  { weight: 1, arbitrary: blocks.map(m.pow2) },
  { weight: 1, arbitrary: boolExpr(1) },
);
const masks: fc.Arbitrary<BoolExpr> = fc.oneof(
  compared,
  fc.tuple(compared, compared).map(([a, b]) => m.and(a, b)),
  fc.tuple(compared, compared, compared).map(([a, b, c]) => m.and(a, m.or(b, c))),
  fc.tuple(compared, compared).map(([a, b]) => m.or(a, m.not(b))),
  fc.tuple(compared, compared, fc.integer({ min: 1, max: 9 })).map(([a, b, n]) => {
    const end = m.mul(m.div(m.variable("N"), m.int(n)), m.int(4));
    return m.or(m.and(m.lt(m.k, end), a), m.and(m.le(end, m.k), b));
  }),
);

it("bands inside of a tile hold the keys of the mask and no others", () => {
  let found = 0;
  let withBlocks = 0;
  let inSome = 0;
  fc.assert(
    fc.property(masks, environment(24), (mask, env) => {
      const module = moduleOf(mask);
      const inTile = bandsInTile(module, mask, TILE);
      if (inTile === undefined) return;
      const { bands, where } = inTile;
      found++;
      if (where !== undefined) inSome++;
      if (JSON.stringify(bands).includes('"k"')) withBlocks++;
      for (let b = 0; b < BATCH; b++) {
        for (let h = 0; h < env.heads; h++) {
          const { scalars } = tileFrame(module, env, b, h);
          const looks = headEvaluator(module, env, b, h);
          for (let q = env.N - env.NQ; q < env.N; q++) {
            for (let first = 0; first < env.N; first += TILE) {
              const at = { env, b, h, q, k: first, scalars };
              if (where !== undefined && !evaluateBool(where, at)) continue;
              const ends = bands.map(({ lo, hi }) => [evaluateInt(lo, at), evaluateInt(hi, at)] as const);
              for (let k = first; k < Math.min(first + TILE, env.N); k++) {
                expect(
                  ends.some(([lo, hi]) => lo <= k && k < hi),
                  `query ${q}, key ${k}`,
                ).toBe(looks(q, k));
              }
            }
          }
        }
      }
    }),
    { numRuns: 600 },
  );
  expect(found).toBeGreaterThan(200);
  expect(withBlocks).toBeGreaterThan(60);
  expect(inSome).toBeGreaterThan(10);
});
