import fc from "fast-check";
import { expect, test } from "vitest";
import { boundsContext, boundsOf, MAX_LENGTH, maxLength } from "../../compiler/mask/bounds.js";
import { evaluateInt, evaluateScalars } from "../../compiler/mask/evaluate.js";
import type { BoolExpr } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { environment, intExpr, moduleOf } from "./arbitrary.js";

test("bounds hold every value", () => {
  fc.assert(
    fc.property(intExpr(), environment(30), fc.nat(29), fc.nat(29), fc.nat(3), (expr, env, dq, dk, h) => {
      const module = moduleOf(m.le(expr, m.k));
      const q = Math.max(env.N - env.NQ, env.N - 1 - dq);
      const k = Math.max(0, env.N - 1 - dk);
      const value = evaluateInt(expr, { env, scalars: evaluateScalars(module, env, h), b: 1, h, q, k });
      let overflows = false as boolean;
      const bounds = boundsOf(
        expr,
        boundsContext(module, 30, () => (overflows = true)),
      );
      if (overflows) return;
      expect(value).toBeGreaterThanOrEqual(bounds.low);
      expect(value).toBeLessThanOrEqual(bounds.high);
    }),
    { numRuns: 500 },
  );
});

test.each<[BoolExpr, number]>([
  [m.le(m.k, m.q), MAX_LENGTH],
  [m.lt(m.mul(m.q, m.int(4)), m.k), MAX_LENGTH],
  // q * k reaches (N - 1)^2 < 2^31
  [m.lt(m.mul(m.q, m.k), m.int(5)), 46341],
  [m.lt(m.mul(m.q, m.int(1000)), m.k), Math.floor((2 ** 31 - 1) / 1000) + 1],
  [m.lt(m.mul(m.param("w"), m.param("w")), m.k), 0],
])("the length limit is exact where the bounds are (%#)", (mask, limit) => {
  expect(maxLength(moduleOf(mask))).toBe(limit);
});
