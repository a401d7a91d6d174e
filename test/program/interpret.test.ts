import fc from "fast-check";
import { expect, it } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { BoolExpr, MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { interpret } from "../../compiler/program/interpret.js";
import type { TileProgram } from "../../compiler/program/ir.js";
import { lower } from "../../compiler/program/lower.js";
import { printProgram } from "../../compiler/program/print.js";
import { verifyProgram } from "../../compiler/program/verify.js";
import { compare } from "../../runtime/verify/compare.js";
import { random } from "../../runtime/verify/random.js";
import { expectedWithin } from "../../runtime/verify/tolerance.js";
import { BATCH, boolExpr, environment, moduleOf } from "../mask/arbitrary.js";

function tensors(env: MaskEnv, headDim: number, valueDim: number, seed: number) {
  const source = random(seed);
  const fill = (count: number): Float32Array => Float32Array.from({ length: count }, () => source.normal());
  return {
    q: fill(BATCH * env.heads * env.NQ * headDim),
    k: fill(BATCH * env.kvHeads * env.N * headDim),
    v: fill(BATCH * env.kvHeads * env.N * valueDim),
  };
}

/** The interpretation of a program against dense attention in float64 under the mask's own evaluation. */
function agrees(program: TileProgram, env: MaskEnv, seed: number): string | undefined {
  const [headDim, valueDim] = [8, 4];
  const { module } = program;
  const data = tensors(env, headDim, valueDim, seed);
  const got = interpret(program, data, { env, batch: BATCH, headDim, valueDim });
  const evaluators = new Map<number, (q: number, k: number) => boolean>();
  const mask = (b: number, h: number, q: number, k: number): boolean => {
    const key = b * env.heads + h;
    if (!evaluators.has(key)) evaluators.set(key, headEvaluator(module, env, b, h));
    return evaluators.get(key)!(q, k);
  };
  const firstPosition = module.space.kind === "self" ? env.N - env.NQ : 0;
  const sizes = { batch: BATCH, heads: env.heads, kvHeads: env.kvHeads, headDim, valueDim, queries: env.NQ, keys: env.N };
  const expected = expectedWithin({ ...sizes, firstPosition, ...data, mask }, "f32");
  const result = compare(expected, got, sizes);
  return result.ok ? undefined : JSON.stringify(result.worst);
}

it("interprets random masks as dense attention in float64 says", () => {
  fc.assert(
    fc.property(
      boolExpr(),
      environment(24),
      fc.constantFrom(4, 8, 16),
      fc.constantFrom(4, 8),
      fc.nat(),
      (mask, env, tileQ, tileK, seed) => {
        const program = lower(moduleOf(mask), { tileQ, tileK });
        expect(verifyProgram(program)).toEqual([]);
        expect(agrees(program, env, seed)).toBeUndefined();
      },
    ),
    { numRuns: 150 },
  );
});

const sliding = (mask: BoolExpr): MaskModule => ({ ...moduleOf(m.and(m.le(m.k, m.q), mask)), inputs: [], scalars: [], params: [] });

it("masks only the tiles at the border and visits none that is empty", () => {
  const module = sliding(m.lt(m.sub(m.q, m.k), m.int(64)));
  const env: MaskEnv = { N: 256, NQ: 256, heads: 2, kvHeads: 2 };
  const trace = { visited: 0, masked: 0 };
  const program = lower(module, { tileQ: 16, tileK: 16 });
  interpret(program, tensors(env, 4, 4, 1), { env, batch: 1, headDim: 4, valueDim: 4 }, trace);
  // 16 query tiles; the first four see 1, 2, 3, 4 key tiles and the others 5; the last one and, past the start, the first are partial.
  expect(trace).toEqual({ visited: 2 * (1 + 2 + 3 + 4 + 12 * 5), masked: 2 * (4 + 12 * 2) });
});

it("prints a program", () => {
  expect(printProgram(lower(sliding(m.lt(m.sub(m.q, m.k), m.int(64))), { tileQ: 16, tileK: 32 }))).toMatchInlineSnapshot(`
    "program random: tiles of 16 queries x 32 keys, head dim 8, value dim 8, f32, last first
      load Q * scale
      m = -1e+30
      l = 0
      O = 0
      for each key tile in [(q0 + -63), (q1 + 1)) that may look: (max(k0, (q0 + -63)) <= min(k1, q1))
        load K
        S = Q K^T
        when (((q0 < k1) | (64 <= (q1 - k0))) | (N < (k0 + 32))):
          mask S unless k <= q & q - k < 64, which in a tile from k on is the keys in [q - 63, q + 1)
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
      store O
      store lse = ln 2 * (m + log2 l)
    "
  `);
});

it.each([
  ["a load left out", (body: TileProgram["body"]) => body.filter((s) => s.op !== "load"), "dot reads Q before it is written"],
  [
    "a store before the sums",
    (body: TileProgram["body"]) => [{ op: "storeLse", max: "m", sum: "l" } as const, ...body],
    "storeLse reads m before it is written",
  ],
])("reports %s", (_, change, problem) => {
  const program = lower(sliding(m.bool(true)), { tileQ: 16, tileK: 16 });
  expect(verifyProgram({ ...program, body: change(program.body) })).toContain(problem);
});
