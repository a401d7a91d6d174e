import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyPart, mergeAttention, type AttentionPart } from "../../../runtime/launch/merge/merge.js";
import { denseAttention } from "../../../runtime/reference/dense.js";

/** Half the distance from 1 to the next float32. */
const UNIT = 2 ** -24;

const QUERIES = 3;
const DIM = 4;
const VALUE_DIM = 5;

interface Keys {
  readonly k: readonly number[][];
  readonly v: readonly number[][];
}

const vector = (length: number) => fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: length, maxLength: length });
const tokens: fc.Arbitrary<Keys> = fc
  .array(fc.tuple(vector(DIM), vector(VALUE_DIM)), { maxLength: 12 })
  .map((all) => ({ k: all.map(([k]) => k), v: all.map(([, v]) => v) }));
const queries = fc.array(vector(DIM), { minLength: QUERIES, maxLength: QUERIES });

/** Dense attention in float64 over the keys in `which`. */
function dense(q: readonly number[][], keys: Keys, which: readonly number[]) {
  return denseAttention({
    batch: 1,
    heads: 1,
    kvHeads: 1,
    queries: QUERIES,
    keys: keys.k.length,
    headDim: DIM,
    valueDim: VALUE_DIM,
    firstPosition: 0,
    q: Float32Array.from(q.flat()),
    k: Float32Array.from(keys.k.flat()),
    v: Float32Array.from(keys.v.flat()),
    mask: (_b, _h, _q, k) => which.includes(k),
  });
}

const part = (result: { readonly out: Float64Array; readonly lse: Float64Array }): AttentionPart => ({
  out: Float32Array.from(result.out),
  lse: Float32Array.from(result.lse),
});

/** Merges in the order of a random tree: two of the list at a time until one is left. */
function mergeTree(parts: readonly AttentionPart[], picks: readonly number[]): AttentionPart {
  const left = [...parts];
  for (let i = 0; left.length > 1; i++) {
    const [a] = left.splice(picks[i % picks.length]! % left.length, 1);
    const at = picks[(i + 1) % picks.length]! % left.length;
    left[at] = mergeAttention(a!, left[at]!);
  }
  return left[0]!;
}

/**
 * How far `merges` merges of parts that were rounded to float32 may be from the truth. Let L be the greatest |lse| and M
 * the greatest |value|. An lse is rounded once in its part and once in each merge, by u L each, and a merge does not
 * enlarge the errors of its parts. Weights that two lses wrong by d each make are wrong by at most 2 d / 4 in all, which
 * moves an output by at most M d; and each rounding of an output adds u M.
 */
function bound(merges: number, parts: readonly AttentionPart[], values: readonly number[]): { out: number; lse: number } {
  const L =
    Math.max(0, ...parts.flatMap(({ lse }) => [...lse].filter(Number.isFinite).map(Math.abs))) + Math.log(Math.max(1, parts.length));
  const M = Math.max(0, ...values.map(Math.abs));
  const lse = (merges + 1) * UNIT * L;
  return { out: M * (merges + 1) * (UNIT + lse), lse };
}

function close(
  got: AttentionPart,
  truth: { readonly out: ArrayLike<number>; readonly lse: ArrayLike<number> },
  by: { out: number; lse: number },
) {
  for (let i = 0; i < got.out.length; i++) expect(Math.abs(got.out[i]! - truth.out[i]!)).toBeLessThanOrEqual(by.out);
  for (let i = 0; i < got.lse.length; i++) {
    if (truth.lse[i] === -Infinity) expect(got.lse[i]).toBe(-Infinity);
    else expect(Math.abs(got.lse[i]! - truth.lse[i]!)).toBeLessThanOrEqual(by.lse);
  }
}

test("keys split anywhere and merged in any order are the attention over all of them", () => {
  const cuts = fc.array(fc.nat(5), { minLength: 12, maxLength: 12 });
  const picks = fc.array(fc.nat(50), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(queries, tokens, cuts, picks, (q, keys, owner, order) => {
      const all = keys.k.map((_, k) => k);
      // Six parts, of which some are empty.
      const parts = [0, 1, 2, 3, 4, 5].map((p) =>
        part(
          dense(
            q,
            keys,
            all.filter((k) => owner[k] === p),
          ),
        ),
      );
      close(mergeTree(parts, order), dense(q, keys, all), bound(5, parts, keys.v.flat()));
    }),
    { numRuns: 300 },
  );
});

const anyPart: fc.Arbitrary<AttentionPart> = fc
  .record({
    out: fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 6, maxLength: 6 }),
    lse: fc.array(fc.oneof(fc.constant(-Infinity), fc.float({ min: -300, max: 300, noNaN: true })), { minLength: 3, maxLength: 3 }),
  })
  .map(({ out, lse }) => ({ out: Float32Array.from(out), lse: Float32Array.from(lse) }));

test("a merge is commutative to the bit", () => {
  fc.assert(
    fc.property(anyPart, anyPart, (a, b) => {
      expect(mergeAttention(a, b)).toEqual(mergeAttention(b, a));
    }),
  );
});

test("a merge is associative within what float32 rounds", () => {
  fc.assert(
    fc.property(anyPart, anyPart, anyPart, (a, b, c) => {
      const by = bound(2, [a, b, c], [...a.out, ...b.out, ...c.out]);
      close(mergeAttention(mergeAttention(a, b), c), mergeAttention(a, mergeAttention(b, c)), { out: 2 * by.out, lse: 2 * by.lse });
    }),
  );
});

test("an empty part changes nothing but rows that are empty, whose output becomes 0", () => {
  fc.assert(
    fc.property(anyPart, (a) => {
      const merged = mergeAttention(a, emptyPart(3, 2));
      // Whether a 0 has a sign does not count.
      const plain = (numbers: Iterable<number>): number[] => Array.from(numbers, (value) => value + 0);
      expect(plain(merged.lse)).toEqual(plain(a.lse));
      expect(plain(merged.out)).toEqual(plain([...a.out].map((value, i) => (a.lse[i >> 1] === -Infinity ? 0 : value))));
    }),
  );
});

test("the output of a row without keys does not count, be it NaN", () => {
  const nothing = { out: Float32Array.of(NaN, Infinity), lse: Float32Array.of(-Infinity) };
  const some = { out: Float32Array.of(1, 2), lse: Float32Array.of(-500) };
  expect(mergeAttention(nothing, some)).toEqual(some);
  expect(mergeAttention(nothing, nothing)).toEqual({ out: new Float32Array(2), lse: nothing.lse });
});

test("scores that are far apart and large do not overflow", () => {
  const a = { out: Float32Array.of(1), lse: Float32Array.of(1e30) };
  const b = { out: Float32Array.of(2), lse: Float32Array.of(-1e30) };
  expect(mergeAttention(a, b)).toEqual(a);
});

test.each([
  [emptyPart(2, 3), emptyPart(3, 3), "b"],
  [emptyPart(2, 3), emptyPart(2, 4), "b"],
  [{ out: new Float32Array(3), lse: new Float32Array(2) }, emptyPart(2, 3), "a"],
])("parts of other sizes are refused", (a, b, field) => {
  expect(() => mergeAttention(a, b)).toThrow(expect.objectContaining({ code: "ATTN5231", field }) as Error);
});
