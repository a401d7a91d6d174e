import fc from "fast-check";
import { expect, it } from "vitest";
import { evaluateBool } from "../../compiler/mask/evaluate.js";
import type { BoolExpr } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { printBool } from "../../compiler/mask/print.js";
import { withoutIdlePeriods } from "../../compiler/tiles/periods.js";

const small = fc.integer({ min: 1, max: 12 }).map(m.int);
const position = fc.constantFrom(m.q, m.k);
const bound = fc
  .tuple(position, small, fc.constantFrom(m.lt, m.le), fc.boolean())
  .map(([x, c, compare, swap]) => (swap ? compare(c, x) : compare(x, c)));
const coordinate = fc.tuple(position, small, small).map(([x, block, period]) => m.mod(m.div(x, block), period));
const condition = fc.tuple(coordinate, fc.oneof(coordinate, small), fc.constantFrom(m.lt, m.eq)).map(([x, y, compare]) => compare(x, y));
const gathered = (item: fc.Arbitrary<BoolExpr>): fc.Arbitrary<BoolExpr> =>
  fc.tuple(fc.array(item, { minLength: 2, maxLength: 4 }), fc.boolean()).map(([items, and]) => (and ? m.and(...items) : m.or(...items)));
const inner = gathered(fc.oneof(bound, condition));
const mask = fc.oneof(
  inner,
  gathered(fc.oneof(bound, condition, inner, inner.map(m.not))),
  fc.tuple(bound, inner, inner).map(([cond, x, y]) => m.choose(cond, x, y)),
);

it("changes no pair by leaving out remainders", () => {
  let changed = 0;
  const env = { N: 16, NQ: 16, heads: 1, kvHeads: 1 };
  fc.assert(
    fc.property(mask, (before) => {
      const after = withoutIdlePeriods(before);
      if (printBool(after) !== printBool(before)) changed++;
      for (let q = 0; q < env.NQ; q++) {
        for (let k = 0; k < env.N; k++) {
          const at = { env, scalars: [], b: 0, h: 0, q, k };
          if (evaluateBool(after, at) !== evaluateBool(before, at))
            expect.fail(`${printBool(before)} became ${printBool(after)} at ${q}, ${k}`);
        }
      }
    }),
    { numRuns: 2000 },
  );
  expect(changed).toBeGreaterThan(200);
});
