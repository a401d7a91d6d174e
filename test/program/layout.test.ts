import fc from "fast-check";
import { expect, test } from "vitest";
import { headEvaluator, type MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { interpret } from "../../compiler/program/interpret.js";
import { lower } from "../../compiler/program/lower.js";
import { printProgram } from "../../compiler/program/print.js";
import { verifyProgram } from "../../compiler/program/verify.js";
import { compare } from "../../runtime/verify/compare.js";
import { random } from "../../runtime/verify/random.js";
import { expectedWithin } from "../../runtime/verify/tolerance.js";
import { layoutPrograms } from "../mask/layout-programs.js";
import { attention, moduleOf } from "../semantics/compile.js";

const [BATCH, HEAD_DIM, VALUE_DIM] = [2, 8, 4];

/** What the interpreter of the permuted program makes of random tensors, against dense attention in the order of positions. */
function worst(module: MaskModule, env: MaskEnv, tiles: { tileQ: number; tileK: number }, seed: number): string | undefined {
  const program = lower(module, tiles);
  expect(verifyProgram(program)).toEqual([]);
  const source = random(seed);
  const fill = (count: number): Float32Array => Float32Array.from({ length: count }, () => source.normal());
  const data = {
    q: fill(BATCH * env.heads * env.NQ * HEAD_DIM),
    k: fill(BATCH * env.kvHeads * env.N * HEAD_DIM),
    v: fill(BATCH * env.kvHeads * env.N * VALUE_DIM),
  };
  const got = interpret(program, data, { env, batch: BATCH, headDim: HEAD_DIM, valueDim: VALUE_DIM });
  const evaluators = Array.from({ length: env.heads }, (_, h) => headEvaluator(module, env, 0, h));
  const sizes = {
    batch: BATCH,
    heads: env.heads,
    kvHeads: env.kvHeads,
    headDim: HEAD_DIM,
    valueDim: VALUE_DIM,
    queries: env.NQ,
    keys: env.N,
  };
  const problem = {
    ...sizes,
    firstPosition: env.N - env.NQ,
    ...data,
    mask: (_: number, h: number, q: number, k: number) => evaluators[h]!(q, k),
  };
  const result = compare(expectedWithin(problem, "f32"), got, sizes);
  return result.ok ? undefined : JSON.stringify(result.worst);
}

test("a layout changes no result, whatever the mask, the grid, the tiles and the number of queries", () => {
  fc.assert(
    fc.property(
      layoutPrograms(60),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom(4, 8, 12),
      fc.constantFrom(4, 8),
      fc.constantFrom([2, 1], [4, 2], [2, 2]),
      fc.nat(),
      ({ program, N }, part, tileQ, tileK, [heads, kvHeads], seed) => {
        const env: MaskEnv = { N, NQ: Math.ceil(N / part), heads: heads!, kvHeads: kvHeads! };
        expect(worst(moduleOf(program), env, { tileQ, tileK }, seed)).toBeUndefined();
      },
    ),
    { numRuns: 120 },
  );
});

test("tiles that are boxes of the grid need no mask", () => {
  const clauses = "attend near(t, window: 2, stride: 2) & near(y, window: 12, stride: 4) & near(x, window: 12, stride: 4)";
  const space = { space: "grid(t: 4, y: 16, x: 16)" };
  const traced = (layout: string): { visited: number; masked: number } => {
    const trace = { visited: 0, masked: 0 };
    const env: MaskEnv = { N: 1024, NQ: 1024, heads: 1, kvHeads: 1 };
    const zeros = { q: new Float32Array(4096), k: new Float32Array(4096), v: new Float32Array(4096) };
    const program = lower(moduleOf(attention(`${clauses}${layout}`, space)), { tileQ: 32, tileK: 32 });
    interpret(program, zeros, { env, batch: 1, headDim: 4, valueDim: 4 }, trace);
    return trace;
  };
  // Each of the 32 query tiles sees its box of 2 x 12 x 12 keys: 9 tiles of 32.
  expect(traced("\nlayout tiles(2, 4, 4)")).toEqual({ visited: 32 * 9, masked: 0 });
  expect(traced("").visited).toBeGreaterThan(32 * 9);
});

test("the program says where rows lie", () => {
  const module = moduleOf(attention("attend q.y == k.y\nlayout tiles(4, 4)", { space: "grid(y: 8, x: 8)" }));
  expect(printProgram(lower(module, { tileQ: 16, tileK: 16 }))).toContain(
    "the row of place k is that of token (k / 32 * 4 + k % 16 / 4) * 8 + (k % 32 / 16 * 4 + k % 4)",
  );
});
