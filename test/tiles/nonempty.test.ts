import fc from "fast-check";
import { expect, it } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import * as m from "../../compiler/mask/make.js";
import { printBool } from "../../compiler/mask/print.js";
import { findEmptyRow, rowsNonempty } from "../../compiler/tiles/nonempty.js";
import { BATCH, boolExpr, environment, moduleOf } from "../mask/arbitrary.js";

it("proves no row nonempty that is empty", () => {
  let proved = 0;
  fc.assert(
    fc.property(boolExpr(), environment(24), (mask, env) => {
      const module = moduleOf(mask);
      if (!rowsNonempty(module)) return;
      proved++;
      for (let b = 0; b < BATCH; b++) {
        for (let h = 0; h < env.heads; h++) {
          const looks = headEvaluator(module, env, b, h);
          for (let q = env.N - env.NQ; q < env.N; q++) {
            const seen = Array.from({ length: env.N }, (_, k) => looks(q, k)).some(Boolean);
            if (!seen) expect.fail(`${printBool(mask)}: query ${q} of ${env.N} sees nothing`);
          }
        }
      }
    }),
    { numRuns: 3000 },
  );
  expect(proved).toBeGreaterThan(300);
});

const plain = (mask: Parameters<typeof moduleOf>[0]) => ({ ...moduleOf(mask), inputs: [], params: [], scalars: [] });
const distance = m.sub(m.q, m.k);

it.each([
  ["a causal window", m.and(m.le(m.k, m.q), m.lt(distance, m.int(3))), true],
  ["the first key of a block", m.and(m.eq(m.div(m.q, m.int(8)), m.div(m.k, m.int(8))), m.eq(m.mod(m.k, m.int(8)), m.int(0))), true],
  ["keys at a distance", m.and(m.le(m.k, m.q), m.lt(m.int(3), distance)), false],
])("judges %s", (_, mask, nonempty) => {
  expect(rowsNonempty(plain(mask))).toBe(nonempty);
  expect(findEmptyRow(plain(mask)) === undefined).toBe(nonempty);
});
