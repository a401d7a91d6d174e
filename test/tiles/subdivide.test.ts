import fc from "fast-check";
import { expect, it } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { BoolExpr, MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { printBool } from "../../compiler/mask/print.js";
import { planTiles, queryOffset } from "../../compiler/tiles/plan.js";
import { tilePlane } from "../../compiler/tiles/subdivide.js";
import type { TileRun, TileSums } from "../../compiler/tiles/subdivide.js";
import { BATCH, boolExpr, environment, moduleOf } from "../mask/arbitrary.js";

interface At {
  readonly batch: number;
  readonly head: number;
  readonly blockQ: number;
  readonly blockK: number;
}

/** Every tile, every pair. */
function exhaustive(module: MaskModule, env: MaskEnv, at: At): { sums: TileSums; rows: TileRun[][] } {
  const looks = headEvaluator(module, env, at.batch, at.head);
  const offset = queryOffset(module, env);
  const sums = { full: 0, partial: 0, empty: 0, pairs: 0 };
  const rows: TileRun[][] = [];
  for (let q0 = 0; q0 < env.NQ; q0 += at.blockQ) {
    const row: TileRun[] = [];
    for (let k0 = 0; k0 < env.N; k0 += at.blockK) {
      const [q1, k1] = [Math.min(q0 + at.blockQ, env.NQ), Math.min(k0 + at.blockK, env.N)];
      let pairs = 0;
      for (let q = q0; q < q1; q++) for (let k = k0; k < k1; k++) if (looks(offset + q, k)) pairs++;
      const known = pairs === 0 ? "empty" : pairs === (q1 - q0) * (k1 - k0) ? "full" : "partial";
      sums[known]++;
      sums.pairs += pairs;
      if (known === "empty") continue;
      const first = k0 / at.blockK;
      const last = row[row.length - 1];
      if (known === "full" && last?.class === "full" && last.end === first) {
        row[row.length - 1] = { ...last, end: first + 1, pairs: last.pairs + pairs };
      } else row.push({ class: known, first, end: first + 1, pairs });
    }
    rows.push(row);
  }
  return { sums, rows };
}

function expectExact(module: MaskModule, env: MaskEnv, at: At): void {
  const truth = exhaustive(module, env, at);
  const plane = tilePlane(module, planTiles(module), env, at);
  const place = `${printBool(module.mask)}: ${JSON.stringify({ ...at, N: env.N, NQ: env.NQ })}`;
  expect({ place, ...plane.sums() }).toEqual({ place, ...truth.sums });
  const rows = truth.rows.map((_, i) => {
    const found: TileRun[] = [];
    plane.row(i, (run) => found.push(run));
    return found;
  });
  expect({ place, rows }).toEqual({ place, rows: truth.rows });
}

const at = fc.record({
  batch: fc.nat(BATCH - 1),
  head: fc.nat(3),
  blockQ: fc.integer({ min: 1, max: 12 }),
  blockK: fc.integer({ min: 1, max: 12 }),
});

it("finds of every random mask what an exhaustive walk finds", () => {
  const property = fc.property(boolExpr(), environment(90), at, (mask, env, place) => expectExact(moduleOf(mask), env, place));
  fc.assert(property, { numRuns: 2000 });
});

it("finds the same where queries are another sequence than keys", () => {
  const property = fc.property(boolExpr(), environment(60), fc.integer({ min: 1, max: 90 }), at, (mask, env, NQ, place) => {
    const module: MaskModule = { ...moduleOf(mask), space: { kind: "cross", causal: false, axes: [], segments: [] } };
    expectExact(module, { ...env, NQ }, place);
  });
  fc.assert(property, { numRuns: 500 });
});

/** Masks of the shapes that patterns have, so that rectangles come out the same often. */
const regular: fc.Arbitrary<BoolExpr> = fc.integer({ min: 1, max: 24 }).chain((block) => {
  const position = fc.constantFrom(m.q, m.k, m.sub(m.q, m.k), m.sub(m.div(m.q, m.int(block)), m.div(m.k, m.int(block))));
  const term = fc.oneof(
    position,
    fc.tuple(position, fc.integer({ min: 1, max: 40 })).map(([x, n]) => m.mod(x, m.int(n))),
    fc.tuple(position, fc.integer({ min: 1, max: 40 })).map(([x, n]) => m.div(x, m.int(n))),
    fc.tuple(position, position).map(([x, y]) => m.max(m.min(x, m.int(20)), y)),
    position.map(m.abs),
  );
  const condition = fc
    .tuple(fc.constantFrom("lt", "le", "eq", "ne"), term, fc.oneof(term, fc.integer({ min: -5, max: 60 }).map(m.int)))
    .map(([op, x, y]) => m.compare(op, x, y));
  const some = fc.oneof(condition, condition, position.map(m.pow2));
  return fc.tuple(some, some, some, fc.boolean()).map(([x, y, z, and]) => (and ? m.and(x, m.or(y, z)) : m.or(m.and(x, y), z)));
});

it("finds it for windows, strides and blocks at lengths of many tiles, and looks at fewer pairs", () => {
  let reused = 0;
  const block = fc.integer({ min: 3, max: 40 });
  const property = fc.property(regular, fc.integer({ min: 100, max: 400 }), fc.nat(200), block, block, (mask, N, short, blockQ, blockK) => {
    const module = moduleOf(m.and(m.le(m.k, m.q), mask));
    const env = { N, NQ: Math.max(1, N - short), heads: 4, kvHeads: 2 };
    const bare = { ...module, scalars: [], inputs: [] };
    expectExact(bare, env, { batch: 0, head: 0, blockQ, blockK });
    const plane = tilePlane(bare, planTiles(bare), env, { head: 0, blockQ, blockK });
    plane.sums();
    if (plane.work().reused > 0) reused++;
  });
  fc.assert(property, { numRuns: 300 });
  expect(reused).toBeGreaterThan(100);
});

it("divides tiles of many pairs before it looks at any", () => {
  const mask = m.or(m.lt(m.sub(m.q, m.k), m.int(100)), m.eq(m.mod(m.sub(m.q, m.k), m.int(50)), m.int(0)));
  const module = { ...moduleOf(m.and(m.le(m.k, m.q), mask)), scalars: [], inputs: [] };
  const env = { N: 1000, NQ: 900, heads: 4, kvHeads: 2 };
  expectExact(module, env, { batch: 0, head: 0, blockQ: 512, blockK: 384 });
});
