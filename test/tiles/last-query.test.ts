import fc from "fast-check";
import { expect, it } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { printBool } from "../../compiler/mask/print.js";
import { lastQueryReach } from "../../compiler/tiles/last-query.js";
import { boolExpr, moduleOf } from "../mask/arbitrary.js";

const distance = m.sub(m.q, m.k);
const env = (N: number): MaskEnv => ({ N, NQ: N, heads: 4, kvHeads: 2, layers: 3, step: 1, steps: 3, phase: 0, params: { w: 5, g: 3 } });
const plain = (mask: Parameters<typeof moduleOf>[0]): MaskModule => ({ ...moduleOf(mask), inputs: [] });

/** The numbers of tokens that the last query has something of, layer by layer until nothing is added. */
function slowly(module: MaskModule, at: MaskEnv): readonly number[] {
  const heads = Array.from({ length: at.heads }, (_, head) => headEvaluator(module, at, 0, head));
  const reached = new Set([at.N - 1]);
  const counts = [1];
  for (;;) {
    for (const q of [...reached]) for (let k = 0; k < at.N; k++) if (heads.some((looks) => looks(q, k))) reached.add(k);
    if (reached.size === counts[counts.length - 1]) return counts;
    counts.push(reached.size);
  }
}

it("follows the last query as a set of positions does", () => {
  const mask = boolExpr(2).filter((each) => !/"kind":"(load|bit)"|"layer"/.test(JSON.stringify(each)));
  const property = fc.property(mask, fc.integer({ min: 1, max: 150 }), fc.boolean(), (each, N, causal) => {
    const module = plain(causal ? m.and(m.le(m.k, m.q), each) : each);
    const truth = slowly(module, env(N));
    const found = lastQueryReach(module, env(N))!;
    const place = `${printBool(module.mask)} at ${N}`;
    expect([place, found.length, found.covers]).toEqual([place, N, covers(truth, N)]);
    const last = Math.max(1, truth.length - 1);
    const listed = Array.from({ length: last }, (_, i) => i + 1).filter((d) => (d & (d - 1)) === 0 || d === last);
    expect([place, found.layers]).toEqual([place, listed.map((d) => ({ layers: d, keys: truth[d] ?? truth[0] }))]);
  });
  fc.assert(property, { numRuns: 500 });
});

/** A sequence of one token is reached by the first layer, as none is asked for before. */
function covers(counts: readonly number[], N: number): number | undefined {
  const layers = counts.indexOf(N);
  return layers < 0 ? undefined : Math.max(1, layers);
}

it("works out a window over many tiles", () => {
  const found = lastQueryReach(plain(m.and(m.le(m.k, m.q), m.lt(distance, m.int(101)))), env(5000));
  expect(found).toMatchObject({
    length: 5000,
    covers: 50,
    layers: [{ keys: 101 }, { keys: 201 }, { keys: 401 }, {}, {}, { layers: 32, keys: 3201 }, {}],
  });
});

it("takes a shorter length where the border is too long to follow", () => {
  const strided = m.and(m.le(m.k, m.q), m.eq(m.mod(distance, m.int(3)), m.int(0)));
  expect(lastQueryReach(plain(strided), env(2 ** 16))).toMatchObject({ length: 2 ** 13, layers: [{ layers: 1, keys: 2731 }] });
});
