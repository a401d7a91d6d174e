import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluateMask } from "../../compiler/mask/evaluate.js";
import type { BoolExpr, IntExpr } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { printBool, printInt } from "../../compiler/mask/print.js";
import { simplifyBool, simplifyInt, simplifyModule } from "../../compiler/mask/simplify.js";
import { verifyMask } from "../../compiler/mask/verify.js";
import { BATCH, boolExpr, environment, moduleOf } from "./arbitrary.js";

const three = m.int(3);

test.each<[IntExpr, string]>([
  [m.add(m.int(2), m.q), "q + 2"],
  [m.add(m.add(m.q, m.int(2)), m.int(-5)), "q - 3"],
  [m.sub(m.q, m.q), "0"],
  [m.sub(m.int(7), m.int(9)), "-2"],
  [m.mul(m.mul(m.q, three), m.int(4)), "q * 12"],
  [m.div(m.div(m.q, three), m.int(4)), "q / 12"],
  [m.div(m.int(-7), m.int(2)), "-4"],
  [m.mod(m.int(-7), m.int(4)), "1"],
  [m.mod(m.mod(m.q, m.int(8)), m.int(4)), "q % 4"],
  [m.div(m.mod(m.q, m.int(8)), m.int(8)), "0"],
  [m.min(m.int(4), m.min(m.q, m.int(6))), "min(q, 4)"],
  [m.neg(m.sub(m.q, m.k)), "k - q"],
  [m.select(m.bool(true), m.q, m.k), "q"],
])("simplifies integers (%#)", (expr, text) => {
  expect(printInt(simplifyInt(expr))).toBe(text);
});

const near = m.lt(m.q, m.k);

test.each<[BoolExpr, string]>([
  [m.and(m.bool(true), near), "q < k"],
  [m.and(near, m.bool(false)), "none"],
  [m.or(near, m.or(near, m.eq(m.q, three))), "q < k | q == 3"],
  [m.not(near), "k <= q"],
  [m.not(m.and(near, m.pow2(m.q))), "k <= q | !pow2(q)"],
  [m.or(near, m.not(near)), "all"],
  [m.choose(near, m.bool(false), m.bool(true)), "k <= q"],
  [m.choose(near, m.bool(true), m.eq(m.q, three)), "all if q < k else q == 3"],
  [m.pow2(m.int(64)), "all"],
  [m.pow2(m.int(0)), "none"],
])("simplifies booleans (%#)", (expr, text) => {
  expect(printBool(simplifyBool(expr))).toBe(text);
});

test("simplifying keeps the value of every pair", () => {
  fc.assert(
    fc.property(boolExpr(), environment(12), (mask, env) => {
      const module = moduleOf(mask);
      const simple = simplifyModule(module);
      expect(verifyMask(simple)).toEqual([]);
      for (let q = env.N - env.NQ; q < env.N; q++) {
        for (let k = 0; k < env.N; k++) {
          const b = (q + k) % BATCH;
          const h = k % 4;
          expect(evaluateMask(simple, env, b, h, q, k)).toBe(evaluateMask(module, env, b, h, q, k));
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("simplifying twice changes nothing more", () => {
  fc.assert(
    fc.property(boolExpr(), (mask) => {
      const once = simplifyBool(mask);
      expect(printBool(simplifyBool(once))).toBe(printBool(once));
    }),
  );
});

test("scalars and tables that nothing mentions are dropped and the rest renumbered", () => {
  const module = moduleOf(m.lt(m.q, m.scalar(1)));
  const simple = simplifyModule(module);
  expect(simple.scalars.map((s) => s.note)).toEqual(["kvh == 0"]);
  expect(printBool(simple.mask)).toBe("q < s0");
});
