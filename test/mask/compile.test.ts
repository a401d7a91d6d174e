import fc from "fast-check";
import { expect, it } from "vitest";
import { compileMask } from "../../compiler/mask/compile.js";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import * as m from "../../compiler/mask/make.js";
import { printBool } from "../../compiler/mask/print.js";
import { BATCH, boolExpr, environment, moduleOf } from "./arbitrary.js";

it("compiles every mask to what the evaluator says of each pair", () => {
  const property = fc.property(boolExpr(4), environment(24), fc.nat(BATCH - 1), fc.nat(3), (mask, env, b, h) => {
    const module = moduleOf(mask);
    const [slow, fast] = [headEvaluator(module, env, b, h), compileMask(module, env, b, h)];
    for (let q = 0; q < env.N; q++) {
      for (let k = 0; k < env.N; k++) {
        if (slow(q, k) !== fast(q, k)) expect.fail(`${printBool(mask)} at ${q}, ${k}: ${String(fast(q, k))}`);
      }
    }
  });
  fc.assert(property, { numRuns: 3000 });
});

const far = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const kinds = fc.constantFrom("add", "sub", "mul", "min", "max", "div", "mod");

it("wraps at 32 bits as the evaluator does", () => {
  const property = fc.property(kinds, far, far, fc.boolean(), fc.boolean(), far, (kind, x, y, left, right, bound) => {
    const divisor = kind === "div" || kind === "mod" ? Math.max(1, y) : y;
    const [a, b] = [left ? m.int(x) : m.q, right ? m.int(divisor) : m.k];
    const value = m.binary(kind, a, b);
    const mask = m.or(m.lt(value, m.int(bound)), m.eq(m.abs(m.neg(value)), m.int(bound)));
    const module = { ...moduleOf(mask), scalars: [] };
    const env = { N: 1, NQ: 1, heads: 1, kvHeads: 1 };
    expect(compileMask(module, env, 0, 0)(x, divisor)).toBe(headEvaluator(module, env, 0, 0)(x, divisor));
  });
  fc.assert(property, { numRuns: 3000 });
});

it("asks for what a call lacks only where a pair needs it", () => {
  const mask = m.choose(m.lt(m.q, m.int(1)), m.lt(m.variable("layer"), m.int(3)), m.bool(true));
  const looks = compileMask({ ...moduleOf(mask), scalars: [] }, { N: 2, NQ: 2, heads: 1, kvHeads: 1 }, 0, 0);
  expect(looks(1, 0)).toBe(true);
  expect(() => looks(0, 0)).toThrow("the mask environment lacks layer");
});
