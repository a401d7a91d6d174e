import fc from "fast-check";
import { expect, it } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { BitsValue, MaskEnv } from "../../compiler/mask/evaluate.js";
import type { BoolExpr, MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { interpret } from "../../compiler/program/interpret.js";
import { lower } from "../../compiler/program/lower.js";
import { tileFrame } from "../../compiler/tiles/evaluate.js";
import { keyList, unvisitedKeys } from "../../compiler/tiles/visit.js";
import { gatheredLists, keyWalks } from "../../compiler/tiles/walks.js";
import { BATCH, boolExpr, environment, moduleOf } from "../mask/arbitrary.js";

const cols = m.bit("cols", m.int(0), m.k);
const more = m.bit("more", m.int(0), m.k);

/** Masks in which one list or two stand where they can add pairs only. */
const withLists = fc.letrec<{ mask: BoolExpr }>((tie) => ({
  mask: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 3, arbitrary: fc.constantFrom<BoolExpr>(cols, cols, more) },
    { weight: 2, arbitrary: boolExpr(1) },
    { weight: 2, arbitrary: fc.tuple(tie("mask"), tie("mask")).map(([a, b]) => m.and(a, b)) },
    { weight: 4, arbitrary: fc.tuple(tie("mask"), tie("mask")).map(([a, b]) => m.or(a, b)) },
    { weight: 1, arbitrary: fc.tuple(boolExpr(0), tie("mask"), tie("mask")).map(([c, a, b]) => m.choose(c, a, b)) },
  ),
})).mask;

function listed(mask: BoolExpr): MaskModule {
  const module = moduleOf(mask);
  return { ...module, inputs: [...module.inputs, { kind: "columns", name: "more" }] };
}

function withMore(env: MaskEnv): MaskEnv {
  const { data } = env.inputs!["cols"] as BitsValue;
  const turned: BitsValue = { kind: "bits", batch: BATCH, heads: 1, rows: 1, columns: env.N, data: new Uint8Array(BATCH * env.N) };
  for (let i = 0; i < turned.data.length; i++) turned.data[i] = data[(i * 7 + 3) % env.N]!;
  return { ...env, inputs: { ...env.inputs, more: turned } };
}

it("the walks serve each pair of a mask once, and no other", () => {
  let gathered = 0;
  fc.assert(
    fc.property(withLists, environment(20), (mask, plain) => {
      const module = listed(mask);
      const env = withMore(plain);
      gathered += gatheredLists(module).length;
      const first = module.space.kind === "self" ? env.N - env.NQ : 0;
      for (let b = 0; b < BATCH; b++) {
        for (let h = 0; h < env.heads; h++) {
          const frame = tileFrame(module, env, b, h);
          const whole = headEvaluator(module, env, b, h);
          const walks = keyWalks(module).map(({ mask: own, list }) => ({
            looks: headEvaluator({ ...module, mask: own }, env, b, h),
            keys: list === undefined ? undefined : new Set(keyList(frame, list)),
          }));
          for (let q = first; q < first + env.NQ; q++) {
            for (let k = 0; k < env.N; k++) {
              const served = walks.filter(({ looks, keys }) => (keys === undefined || keys.has(k)) && looks(q, k)).length;
              expect(served, `query ${q}, key ${k}`).toBe(whole(q, k) ? 1 : 0);
            }
          }
        }
      }
    }),
    { numRuns: 200 },
  );
  // Most of the masks are about lists indeed.
  expect(gathered).toBeGreaterThan(100);
});

const causal = (mask: BoolExpr): MaskModule => ({ ...moduleOf(m.and(m.le(m.k, m.q), mask)), scalars: [], params: [] });

function columnsAt(N: number, step: number): MaskEnv {
  const data = Uint8Array.from({ length: N }, (_, k) => (k % step === 0 ? 1 : 0));
  return { N, NQ: N, heads: 1, kvHeads: 1, inputs: { cols: { kind: "bits", batch: 1, heads: 1, rows: 1, columns: N, data } } };
}

it("columns far apart cost as many keys as they are", () => {
  const [N, tile] = [256, 16];
  const module = causal(m.or(m.lt(m.sub(m.q, m.k), m.int(1)), cols));
  const env = columnsAt(N, 16);
  const trace = { visited: 0, masked: 0 };
  const tensors = { q: new Float32Array(N * 4), k: new Float32Array(N * 4), v: new Float32Array(N * 4) };
  interpret(lower(module, { tileQ: tile, tileK: tile }), tensors, { env, batch: 1, headDim: 4, valueDim: 4 }, trace);
  // Each of 16 query tiles visits its own keys and the one tile that all 16 columns fill.
  expect(trace.visited).toBe(16 * 2);
  const unvisited = unvisitedKeys(causal(cols), env, 1, { tileQ: tile, tileK: tile });
  expect([...unvisited].filter((flag) => flag === 0)).toHaveLength(16);
});

it.each([
  ["under a negation", m.not(cols)],
  ["deciding a choice", m.choose(cols, m.bool(true), m.lt(m.q, m.k))],
  ["read at another place", m.bit("cols", m.int(0), m.add(m.k, m.int(1)))],
])("a list %s is not gathered", (_, mask) => {
  expect(gatheredLists(causal(mask))).toEqual([]);
  expect(keyWalks(causal(mask))).toHaveLength(1);
});
