import fc from "fast-check";
import { expect, it } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { printBool } from "../../compiler/mask/print.js";
import { receptiveField } from "../../compiler/tiles/receptive.js";
import type { Reach } from "../../compiler/tiles/receptive.js";
import { boolExpr, moduleOf } from "../mask/arbitrary.js";

const distance = m.sub(m.q, m.k);
const env = (N: number): MaskEnv => ({ N, NQ: N, heads: 4, kvHeads: 2, step: 1, steps: 3, phase: 0, params: { w: 5, g: 3 } });

/** Sets of positions, layer by layer, measured pair by pair. */
function slowly(module: MaskModule, at: MaskEnv, layers: number): Reach[] {
  const { N } = at;
  let has = Array.from({ length: N }, (_, q) => new Set([q]));
  return Array.from({ length: layers }, (_, layer) => {
    const heads = Array.from({ length: at.heads }, (_, head) => headEvaluator(module, { ...at, layer }, 0, head));
    const before = has;
    has = before.map((own, q) => {
      const all = new Set(own);
      for (let k = 0; k < N; k++) if (heads.some((looks) => looks(q, k))) before[k]!.forEach((j) => all.add(j));
      return all;
    });
    const reached = (q: number, j: number): boolean => has[q]!.has(j);
    const every = (distances: (d: number) => boolean): number => {
      let d = 0;
      while (d + 1 < N && distances(d + 1)) d++;
      return d;
    };
    const positions = Array.from({ length: N }, (_, q) => q);
    const pairs = has.reduce((sum, own) => sum + own.size, 0);
    const far = (sign: number): number => Math.max(...has.flatMap((own, q) => [...own].map((j) => sign * (q - j))));
    return {
      layers: layer + 1,
      back: Math.max(0, far(1)),
      ahead: Math.max(0, far(-1)),
      backWhole: every((d) => positions.every((q) => q - d < 0 || reached(q, q - d))),
      aheadWhole: every((d) => positions.every((q) => q + d >= N || reached(q, q + d))),
      share: pairs / (module.space.causal ? (N * (N + 1)) / 2 : N * N),
    };
  });
}

const bare = (mask: Parameters<typeof moduleOf>[0], causal: boolean): MaskModule => ({
  ...moduleOf(causal ? m.and(m.le(m.k, m.q), mask) : mask),
  space: { kind: "self", causal, axes: [], segments: [] },
});

it("follows information as sets of positions do", () => {
  const staticMask = boolExpr(2).filter((mask) => !/"kind":"(load|bit)"/.test(JSON.stringify(mask)));
  const property = fc.property(
    staticMask,
    fc.integer({ min: 1, max: 40 }),
    fc.boolean(),
    fc.constantFrom(1, 3, 5),
    (mask, N, causal, layers) => {
      const module = bare(mask, causal);
      const found = receptiveField(module, { ...env(N), layers })!;
      const truth = slowly(module, { ...env(N), layers }, layers);
      const place = `${printBool(module.mask)} at ${N}`;
      expect([place, found.layers]).toEqual([place, truth.slice(0, found.layers.length)]);
      const last = found.layers.length;
      expect([place, found.covers]).toEqual([place, truth[last - 1]!.share === 1 ? last : undefined]);
      if (found.ends === "fixpoint") expect(new Set(truth.slice(last - 1).map((reach) => reach.share)).size).toBe(1);
      else if (found.covers === undefined) expect(last).toBe(layers);
    },
  );
  fc.assert(property, { numRuns: 500 });
});

it("carries a window d times as far after d layers", () => {
  const field = receptiveField(bare(m.lt(distance, m.int(8)), true), env(100))!;
  field.layers.slice(0, -1).forEach(({ layers, back, backWhole }) => expect([back, backWhole]).toEqual([7 * layers, 7 * layers]));
  // 14 layers reach 98 positions back, 15 reach all.
  expect(field.covers).toBe(15);
});

it("names a set that is never left", () => {
  const halves = m.eq(m.mod(m.q, m.int(2)), m.mod(m.k, m.int(2)));
  expect(receptiveField(bare(halves, false), env(10))).toEqual({
    length: 10,
    layers: [{ layers: 1, back: 8, ahead: 8, backWhole: 0, aheadWhole: 0, share: 0.5 }],
    ends: "fixpoint",
  });
});

it("takes each layer's own mask", () => {
  const even = m.eq(m.mod(m.variable("layer"), m.int(2)), m.int(0));
  const mask = m.choose(even, m.eq(m.div(m.q, m.int(4)), m.div(m.k, m.int(4))), m.eq(m.mod(m.q, m.int(4)), m.mod(m.k, m.int(4))));
  expect(receptiveField(bare(mask, false), env(16))).toMatchObject({ layers: [{ share: 1 / 4 }, { share: 1 }], covers: 2 });
});
