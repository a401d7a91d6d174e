import { expect, it } from "vitest";
import * as m from "../../compiler/mask/make.js";
import { compileInt, tileFrame } from "../../compiler/tiles/evaluate.js";
import { planTiles } from "../../compiler/tiles/plan.js";
import { moduleOf } from "../mask/arbitrary.js";

it("keeps the ends of key ranges within 32 bits where the mask itself is", () => {
  // Solving for k multiplies by the block: 2^24 * 256 would leave 32 bits, and a kernel would visit nothing.
  const block = m.int(256);
  const mask = m.and(m.le(m.k, m.q), m.lt(m.sub(m.div(m.q, block), m.div(m.k, block)), m.int(2 ** 24)));
  const module = { ...moduleOf(mask), inputs: [], params: [], scalars: [] };
  const plan = planTiles(module);
  for (const N of [64, 2 ** 20, 2 ** 24]) {
    const frame = Object.assign(tileFrame(module, { N, NQ: N, heads: 1, kvHeads: 1 }, 0, 0), { q0: N - 32, q1: N - 1 });
    for (const range of plan.ranges) {
      const [lo, hi] = [compileInt(range.lo)(frame), compileInt(range.hi)(frame)];
      expect([lo, hi]).toEqual([lo | 0, hi | 0]);
      expect(lo).toBeLessThanOrEqual(0);
      expect(hi).toBeGreaterThanOrEqual(N);
    }
  }
});
