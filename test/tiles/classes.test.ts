import fc from "fast-check";
import { expect, it } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { BoolExpr, MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { printBool } from "../../compiler/mask/print.js";
import { classify, countTiles, planTiles, queryOffset, visitedTiles } from "../../compiler/tiles/plan.js";
import type { TileClass } from "../../compiler/tiles/plan.js";
import { tileFrame } from "../../compiler/tiles/evaluate.js";
import { verifyPlan } from "../../compiler/tiles/verify.js";
import { BATCH, boolExpr, environment, moduleOf } from "../mask/arbitrary.js";

interface Tile {
  readonly q0: number;
  readonly q1: number;
  readonly k0: number;
  readonly k1: number;
}

/** What the pairs of a tile say, one by one. */
function bruteForce(looks: (q: number, k: number) => boolean, tile: Tile): TileClass {
  let seen = 0;
  for (let q = tile.q0; q <= tile.q1; q++) for (let k = tile.k0; k <= tile.k1; k++) if (looks(q, k)) seen++;
  if (seen === 0) return "empty";
  return seen === (tile.q1 - tile.q0 + 1) * (tile.k1 - tile.k0 + 1) ? "full" : "partial";
}

const place = fc.record({ b: fc.nat(BATCH - 1), h: fc.nat(3), q: fc.nat(1000), rows: fc.nat(20), k: fc.nat(1000), columns: fc.nat(20) });

function expectSound(
  module: MaskModule,
  env: MaskEnv,
  at: { b: number; h: number; q: number; rows: number; k: number; columns: number },
): void {
  const plan = planTiles(module);
  const text = printBool(module.mask);
  expect(verifyPlan(plan, module)).toEqual([]);
  const offset = queryOffset(module, env);
  const q0 = offset + (at.q % env.NQ);
  const k0 = at.k % env.N;
  const tile = { q0, q1: Math.min(q0 + at.rows, offset + env.NQ - 1), k0, k1: Math.min(k0 + at.columns, env.N - 1) };
  const frame = tileFrame(module, env, at.b, at.h);
  const looks = headEvaluator(module, env, at.b, at.h);
  const truth = bruteForce(looks, tile);
  const claimed = classify(plan, frame, tile.q0, tile.q1, tile.k0, tile.k1);
  if (claimed !== "partial") expect(`${text}: ${JSON.stringify(tile)} ${claimed}`).toBe(`${text}: ${JSON.stringify(tile)} ${truth}`);
  if (truth === "empty") return;
  const keys = visitedTiles(plan.ranges, frame, tile.q0, tile.q1, 1);
  for (let k = tile.k0; k <= tile.k1; k++) {
    const needed = Array.from({ length: tile.q1 - tile.q0 + 1 }, (_, i) => tile.q0 + i).some((q) => looks(q, k));
    if (needed && !keys.some(([first, end]) => first <= k && k < end)) {
      expect.fail(`${text}: key ${k} of ${JSON.stringify(tile)} is in none of ${JSON.stringify(keys)}`);
    }
  }
}

it("never calls a tile empty or full that is not, and visits every tile with a pair", () => {
  const sound = fc.property(boolExpr(), environment(), place, (mask, env, at) => expectSound(moduleOf(mask), env, at));
  fc.assert(sound, { numRuns: 10_000 });
});

it("is as sound where queries are another sequence than keys", () => {
  const property = fc.property(boolExpr(), environment(), fc.integer({ min: 1, max: 60 }), place, (mask, env, NQ, at) => {
    const module: MaskModule = { ...moduleOf(mask), space: { kind: "cross", causal: false, axes: [], segments: [] } };
    expectSound(module, { ...env, NQ }, at);
  });
  fc.assert(property, { numRuns: 2000 });
});

/** Masks as grids and windows have them: many conditions that solve for a position, beside remainders. */
const solvable = fc.integer({ min: 1, max: 9 }).chain((block) => {
  const c = fc.integer({ min: -3, max: 12 }).map(m.int);
  const position = fc.constantFrom(m.q, m.k, m.div(m.q, m.int(block)), m.div(m.k, m.int(block)), m.sub(m.q, m.k));
  const coordinate = position.chain((x) => fc.integer({ min: 1, max: 9 }).map((n) => m.mod(x, m.int(n))));
  const term = fc.oneof(
    position,
    coordinate,
    fc.tuple(position, c).map(([x, y]) => m.max(m.min(x, m.int(9)), y)),
  );
  const condition = fc
    .tuple(fc.constantFrom("lt", "le", "eq", "ne"), term, fc.oneof(term, c), fc.boolean())
    .map(([op, x, y, swap]): BoolExpr => (swap ? m.compare(op, y, x) : m.compare(op, x, y)));
  const power = position.map(m.pow2);
  const all = fc.array(fc.oneof({ weight: 6, arbitrary: condition }, { weight: 1, arbitrary: power }), { minLength: 2, maxLength: 4 });
  const either = fc.array(
    fc.oneof(
      condition,
      all.map((items) => m.and(...items)),
    ),
    { minLength: 1, maxLength: 3 },
  );
  return fc.tuple(condition, either, fc.boolean()).map(([x, y, and]) => (and ? m.and(x, m.or(...y)) : m.or(x, ...y)));
});

it("is as sound for conditions that cut a tile down before others are asked", () => {
  const property = fc.property(solvable, environment(), place, (mask, env, at) => expectSound(moduleOf(mask), env, at));
  fc.assert(property, { numRuns: 3000 });
});

const causal = m.le(m.k, m.q);
const distance = m.sub(m.q, m.k);

function module(mask: BoolExpr): MaskModule {
  return { ...moduleOf(m.and(causal, mask)), inputs: [], scalars: [], params: [] };
}

const env = (N: number, NQ = N): MaskEnv => ({ N, NQ, heads: 4, kvHeads: 2 });

const patterns: Record<string, BoolExpr> = {
  causal: m.bool(true),
  window: m.lt(distance, m.int(100)),
  "a-shape": m.or(m.lt(distance, m.int(100)), m.lt(m.k, m.int(4))),
  strided: m.or(m.lt(distance, m.int(64)), m.eq(m.mod(distance, m.int(50)), m.int(0))),
  "fixed stride": m.or(m.eq(m.div(m.q, m.int(64)), m.div(m.k, m.int(64))), m.eq(m.mod(m.k, m.int(128)), m.int(127))),
  power: m.pow2(m.sub(m.div(m.q, m.int(32)), m.div(m.k, m.int(32)))),
};

it.each(Object.entries(patterns))("finds the exact class of every tile of %s", (_, mask) => {
  for (const [N, NQ] of [
    [300, 300],
    [257, 100],
  ] as const) {
    for (const block of [16, 32, 64]) {
      const mod = module(mask);
      const plan = planTiles(mod);
      const frame = tileFrame(mod, env(N, NQ), 0, 0);
      const looks = headEvaluator(mod, env(N, NQ), 0, 0);
      for (let q0 = N - NQ; q0 < N; q0 += block) {
        for (let k0 = 0; k0 < N; k0 += block) {
          const tile = { q0, q1: Math.min(q0 + block, N) - 1, k0, k1: Math.min(k0 + block, N) - 1 };
          const found = classify(plan, frame, tile.q0, tile.q1, tile.k0, tile.k1);
          const truth = bruteForce(looks, tile);
          if (found !== truth) expect(`${JSON.stringify(tile)} ${found}`).toBe(truth);
        }
      }
    }
  }
});

it("counts tiles exactly, heads one by one", () => {
  const mask = m.or(m.lt(distance, m.int(100)), m.eq(m.mod(m.add(m.div(m.k, m.int(16)), m.variable("kvh")), m.int(4)), m.int(0)));
  const mod = module(mask);
  const counts = countTiles(mod, env(200, 90), { blockQ: 32, blockK: 16 });
  counts.forEach((count, head) => {
    const looks = headEvaluator(mod, env(200, 90), 0, head);
    const sums = { full: 0, partial: 0, empty: 0 };
    for (let q0 = 110; q0 < 200; q0 += 32) {
      for (let k0 = 0; k0 < 200; k0 += 16) {
        sums[bruteForce(looks, { q0, q1: Math.min(q0 + 32, 200) - 1, k0, k1: Math.min(k0 + 16, 200) - 1 })]++;
      }
    }
    expect(count).toEqual({ head, ...sums });
  });
});
