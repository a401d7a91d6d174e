import fc from "fast-check";
import { expect, it } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { BoolExpr, MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { printBool } from "../../compiler/mask/print.js";
import { simplifyBool } from "../../compiler/mask/simplify.js";
import { unionOfHeads } from "../../compiler/tiles/closed.js";
import { decodeKeys, headsOf } from "../../compiler/tiles/decode.js";
import { evictable } from "../../compiler/tiles/evictable.js";
import { lastUses } from "../../compiler/tiles/last-use.js";
import { dropsForGood } from "../../compiler/tiles/monotone.js";
import { boolExpr, environment, moduleOf } from "../mask/arbitrary.js";

const distance = m.sub(m.q, m.k);
const causal = m.le(m.k, m.q);
const block = (x: typeof m.q, n: number) => m.div(x, m.int(n));

function causalModule(mask: BoolExpr, more: Partial<MaskModule> = {}): MaskModule {
  const space = { kind: "self", causal: true, axes: [], segments: [] } as const;
  return { ...moduleOf(simplifyBool(m.and(causal, mask))), scalars: [], space, ...more };
}

/** Masks as patterns have them: some drop keys for good, some do not. */
const regular = fc.integer({ min: 1, max: 9 }).chain((size) => {
  const position = fc.constantFrom(m.q, m.k, block(m.q, size), block(m.k, size));
  const difference = fc.constantFrom(distance, m.sub(block(m.q, size), block(m.k, size)), m.sub(m.k, m.q));
  const number = fc.integer({ min: -4, max: 40 }).map(m.int);
  const term = fc.oneof(
    position,
    difference,
    difference.map(m.abs),
    difference.map(m.neg),
    fc.tuple(position, fc.integer({ min: 1, max: 9 })).map(([x, n]) => m.mod(x, m.int(n))),
    fc.tuple(difference, position).map(([x, y]) => m.max(x, y)),
    fc.constant(m.sub(m.variable("N"), m.int(3))),
  );
  const condition = fc
    .tuple(fc.constantFrom("lt", "le", "eq", "ne"), term, fc.oneof(term, number, number), fc.boolean())
    .map(([op, x, y, swap]) => (swap ? m.compare(op, y, x) : m.compare(op, x, y)));
  const one = fc.oneof({ weight: 8, arbitrary: condition }, { weight: 1, arbitrary: condition.map(m.not) });
  return fc.tuple(one, one, one, fc.constantFrom("alone", "two", "or", "and", "choose")).map(([x, y, z, kind]) => {
    if (kind === "alone") return x;
    if (kind === "two") return m.or(x, y);
    return kind === "or" ? m.or(x, m.and(y, z)) : kind === "and" ? m.and(x, m.or(y, z)) : m.choose(x, y, z);
  });
});

const env = (N: number): MaskEnv => ({ N, NQ: N, heads: 4, kvHeads: 2, params: { w: 5, g: 3 } });

it("proves no mask to drop keys for good that takes one up again", () => {
  let proved = 0;
  const property = fc.property(regular, (raw) => {
    const mask = simplifyBool(raw);
    if (JSON.stringify(mask).includes('"name":"N"') || !dropsForGood(mask)) return;
    proved++;
    const looks = headEvaluator(causalModule(mask), env(60), 0, 0);
    for (let k = 0; k < 60; k++) {
      for (let q = k; q < 59; q++) {
        if (looks(q + 1, k) && !looks(q, k)) expect.fail(`${printBool(mask)}: key ${k} is back at query ${q + 1}`);
      }
    }
  });
  fc.assert(property, { numRuns: 4000 });
  expect(proved).toBeGreaterThan(300);
});

/** As decoding does it: query q is asked at the length q + 1. */
function slowly(module: MaskModule, length: number, kvHead: number): { returns: boolean; kept: number } {
  const rows = Array.from({ length }, (_, q) => {
    const at = { ...env(q + 1), NQ: 1 };
    const looks = headsOf(kvHead, at).map((head) => headEvaluator(module, at, 0, head));
    return Array.from({ length: q + 1 }, (_, k) => looks.some((one) => one(q, k)));
  });
  let kept = 0;
  let returns = false;
  for (let q = 0; q < length; q++) {
    const needed = Array.from({ length: q + 1 }, (_, k) => rows.some((row, later) => later >= q && row[k] === true));
    kept = Math.max(kept, needed.filter(Boolean).length);
    if (q > 0 && rows[q]!.some((looks, k) => k < q && looks && !rows[q - 1]![k])) returns = true;
  }
  return { returns, kept };
}

it("finds what decoding token by token finds, and how many keys must be kept", () => {
  let yes = 0;
  const byHead = fc
    .tuple(regular, regular, fc.boolean())
    .map(([x, y, one]) => (one ? x : m.choose(m.lt(m.variable("kvh"), m.int(1)), x, y)));
  const property = fc.property(byHead, fc.integer({ min: 1, max: 40 }), (mask, N) => {
    const module = causalModule(mask);
    const found = evictable(module, env(N))!;
    const place = `${printBool(module.mask)} at ${N}`;
    for (const kvHead of [0, 1]) {
      const truth = slowly(module, N, kvHead);
      const group = found.groups.find(({ kvHeads }) => kvHeads.includes(kvHead))!;
      expect({ place, kvHead, evictable: group.evictable, kept: group.cacheKeys }).toEqual({
        place,
        kvHead,
        // A proof holds for every length, and so for this one.
        evictable: !truth.returns,
        kept: truth.kept,
      });
      if (group.evictable) yes++;
      const { counterexample } = group;
      if (!counterexample) continue;
      const sees = (q: number): boolean =>
        headsOf(kvHead, env(N)).some((head) => headEvaluator(module, { ...env(q + 1), NQ: 1 }, 0, head)(q, counterexample.key));
      expect([place, sees(counterexample.dropped), sees(counterexample.again)]).toEqual([place, false, true]);
    }
  });
  fc.assert(property, { numRuns: 300 });
  expect(yes).toBeGreaterThan(50);
});

it("finds the last query of each key, at lengths of many tiles too", () => {
  const property = fc.property(regular, fc.integer({ min: 150, max: 400 }), fc.nat(100), (mask, N, short) => {
    const at = { ...env(N), NQ: N - short };
    const seen = unionOfHeads(causalModule(mask), at, [0]);
    const looks = headEvaluator(seen.module, seen.env, 0, 0);
    const truth = Array.from({ length: N }, (_, k) => {
      for (let q = N - 1; q >= short; q--) if (looks(q, k)) return q;
      return -1;
    });
    expect([...lastUses(seen)]).toEqual(truth);
  });
  fc.assert(property, { numRuns: 100 });
});

it("counts the keys of the last query, heads of a kv head together, inputs with heads of their own too", () => {
  const property = fc.property(boolExpr(), environment(30), (mask, at) => {
    const module = moduleOf(mask);
    const found = decodeKeys(module, at, at.N);
    const alone = JSON.stringify(mask).match(/"kind":"(load|bit)"/) ? at : { ...at, NQ: 1 };
    for (const { kvHeads, keys } of found.groups) {
      for (const kvHead of kvHeads) {
        const looks = headsOf(kvHead, at).map((head) => headEvaluator(module, alone, 0, head));
        const truth = Array.from({ length: at.N }, (_, k) => looks.some((one) => one(at.N - 1, k))).filter(Boolean).length;
        expect([printBool(mask), kvHead, keys]).toEqual([printBool(mask), kvHead, truth]);
      }
    }
  });
  fc.assert(property, { numRuns: 500 });
});

const judged: readonly (readonly [string, BoolExpr, boolean, string])[] = [
  ["a sink and a window", m.or(m.lt(m.k, m.int(4)), m.lt(distance, m.int(100))), true, "every length"],
  ["a block", m.eq(block(m.q, 64), block(m.k, 64)), true, "every length"],
  [
    "a strided shard beside a window of blocks",
    m.or(m.lt(m.sub(block(m.q, 64), block(m.k, 64)), m.int(4)), m.eq(m.mod(block(m.k, 64), m.int(8)), m.int(0))),
    true,
    "every length",
  ],
  [
    "a stride that is counted from the query",
    m.or(m.lt(distance, m.int(64)), m.eq(m.mod(distance, m.int(64)), m.int(0))),
    false,
    "this length",
  ],
  ["powers of two", m.pow2(m.add(distance, m.int(1))), false, "this length"],
  ["a window that grows with the length", m.lt(distance, m.max(m.int(100), m.div(m.variable("N"), m.int(5)))), true, "this length"],
];

it.each(judged)("judges %s", (_, mask, yes, scope) => {
  expect(evictable(causalModule(mask), env(1000))).toMatchObject({ evictable: yes, scope });
});

it("has no answer where a query looks at later keys", () => {
  expect(evictable(moduleOf(m.lt(distance, m.int(3))), env(10))).toBeUndefined();
});
