import fc from "fast-check";
import { expect, test } from "vitest";
import { boundsContext } from "../../compiler/mask/bounds.js";
import { evaluateBool, evaluateInt, type PairEnv } from "../../compiler/mask/evaluate.js";
import type { BoolExpr, IntExpr } from "../../compiler/mask/ir.js";
import { Digits } from "../../compiler/mask/layout/digits.js";
import * as m from "../../compiler/mask/make.js";
import { printBool, printInt } from "../../compiler/mask/print.js";
import { attention, moduleOf } from "../semantics/compile.js";

/** A grid of 3 x 4 x 6, its coordinates as parameters. */
const EXTENTS = { t: 3, y: 4, x: 6 } as const;
const sum = (name: "q" | "k"): IntExpr =>
  m.add(m.add(m.mul(m.param(`${name}.t`), m.int(24)), m.mul(m.param(`${name}.y`), m.int(6))), m.param(`${name}.x`));

const context = {
  ...boundsContext(moduleOf(attention("attend all", { space: "seq full" })), 72),
  param: (name: string) => ({ low: 0, high: EXTENTS[name.slice(2) as "t" | "y" | "x"] - 1 }),
};
const digits = new Digits({ q: sum("q"), k: sum("k") }, context);

const constant = fc.integer({ min: -30, max: 60 }).map(m.int);
const divisor = fc.constantFrom(2, 3, 4, 5, 6, 7, 12, 24, 36, 48, 72, 100).map(m.int);
const { int } = fc.letrec<{ int: IntExpr }>((tie) => ({
  int: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(m.q, m.k),
    constant,
    fc.tuple(fc.constantFrom("add" as const, "sub" as const), tie("int"), tie("int")).map(([kind, a, b]) => m.binary(kind, a, b)),
    fc.tuple(tie("int"), fc.integer({ min: -5, max: 5 })).map(([a, by]) => m.mul(a, m.int(by))),
    fc.tuple(fc.constantFrom("div" as const, "mod" as const), tie("int"), divisor).map(([kind, a, b]) => m.binary(kind, a, b)),
    fc.tuple(fc.constantFrom("min" as const, "max" as const), tie("int"), tie("int")).map(([kind, a, b]) => m.binary(kind, a, b)),
    tie("int").map(m.abs),
  ),
}));
const bool = fc.tuple(fc.constantFrom("lt", "le", "eq", "ne"), int, int).map(([op, a, b]): BoolExpr => m.compare(op, a, b));

function at(q: number, k: number): PairEnv {
  const coordinates = (name: string, p: number) => ({
    [`${name}.t`]: Math.floor(p / 24),
    [`${name}.y`]: Math.floor(p / 6) % 4,
    [`${name}.x`]: p % 6,
  });
  const params = { ...coordinates("q", q), ...coordinates("k", k) };
  return { env: { N: 72, NQ: 72, heads: 1, kvHeads: 1, params }, scalars: [], b: 0, h: 0, q, k };
}

test("arithmetic on positions is the same on sums of coordinates", () => {
  fc.assert(
    fc.property(int, bool, (number, condition) => {
      const [written, answered] = [digits.int(number), digits.bool(condition)];
      for (let q = 0; q < 72; q += 5) {
        for (let k = 0; k < 72; k++) {
          const pair = at(q, k);
          if (evaluateInt(written, pair) !== evaluateInt(number, pair))
            expect.fail(`${printInt(number)} at ${q}, ${k}: ${printInt(written)}`);
          if (evaluateBool(answered, pair) !== evaluateBool(condition, pair)) {
            expect.fail(`${printBool(condition)} at ${q}, ${k}: ${printBool(answered)}`);
          }
        }
      }
    }),
    { numRuns: 400 },
  );
});

test.each([
  [m.div(m.q, m.int(24)), "$q.t"],
  [m.mod(m.div(m.q, m.int(6)), m.int(4)), "$q.y"],
  [m.mod(m.q, m.int(6)), "$q.x"],
  [m.mod(m.q, m.int(3)), "$q.x % 3"],
  [m.div(m.q, m.int(48)), "$q.t / 2"],
  [m.div(m.q, m.int(12)), "$q.t * 2 + $q.y / 2"],
  [m.mod(m.q, m.int(12)), "$q.y % 2 * 6 + $q.x"],
  [m.mod(m.div(m.add(m.q, m.int(24)), m.int(6)), m.int(4)), "$q.y"],
])("%# finds the coordinates in a quotient or remainder", (expr, text) => {
  expect(printInt(digits.int(expr))).toBe(text);
});

test("what coordinates decide is decided", () => {
  expect(digits.bool(m.lt(m.q, m.int(72)))).toEqual(m.bool(true));
  expect(digits.bool(m.le(m.int(4), m.mod(m.div(m.k, m.int(6)), m.int(4))))).toEqual(m.bool(false));
});
