import fc from "fast-check";
import { expect, test } from "vitest";
import { resolveCall, resolveShape } from "../../../runtime/launch/call.js";
import { toHalfArray, fromHalfArray } from "../../../runtime/launch/half.js";
import { disagreement, majority } from "../../../runtime/launch/tune/agreement.js";
import { countingData, peakedData, type CheckData } from "../../../runtime/launch/tune/check-data.js";
import { clearlySlower, median, race } from "../../../runtime/launch/tune/race.js";
import { plain32Attention, plainOrders, type Plain32Order } from "../../../runtime/reference/plain32.js";
import type { AttentionProblem, MaskPredicate } from "../../../runtime/reference/problem.js";
import { denseModule } from "./fixture.js";

const sizes = fc.record({
  n: fc.integer({ min: 1, max: 80 }),
  headDim: fc.constantFrom(4, 16, 64, 128),
  heads: fc.constantFrom(1, 2),
  scale: fc.constantFrom(undefined, 0.01, 1, 30, 0, -0.5),
  dtype: fc.constantFrom("f32" as const, "f16" as const),
  window: fc.integer({ min: 1, max: 90 }),
});

type Sizes = typeof sizes extends fc.Arbitrary<infer T> ? T : never;

function checksOf({ n, headDim, heads, scale, dtype }: Sizes): readonly CheckData[] {
  const shape = { heads, kvHeads: heads, headDim, valueDim: 4 };
  const module = denseModule({ dtype });
  const call = resolveCall(module, resolveShape(module, shape), { length: n, scale });
  return [countingData(dtype, call), peakedData(dtype, call)];
}

/** What a kernel of that order gives on the check's tensors under a mask. */
function result(data: CheckData, of: Sizes, order: Plain32Order, mask: MaskPredicate) {
  const problem: AttentionProblem = {
    ...{ batch: 1, heads: of.heads, kvHeads: of.heads, headDim: of.headDim, valueDim: 4, queries: of.n, keys: of.n, firstPosition: 0 },
    ...{ scale: of.scale, q: data.q, k: data.k, v: data.v, mask },
  };
  const { out, lse } = plain32Attention(problem, order);
  return { out: of.dtype === "f16" ? fromHalfArray(toHalfArray(out)) : new Float32Array(out), lse: new Float32Array(lse) };
}

const windowed =
  (window: number): MaskPredicate =>
  (_b, _h, q, k) =>
    k <= q && q - k < window;

test("right kernels agree, in whatever order they add up", () => {
  fc.assert(
    fc.property(sizes, (of) => {
      for (const data of checksOf(of)) {
        const [first, ...others] = plainOrders.map((order) => result(data, of, order, windowed(of.window)));
        for (const other of others) expect(disagreement(first!, other, data.rounding)).toBeUndefined();
      }
    }),
    { numRuns: 60 },
  );
});

/** The same in parts of the keys, merged by the logarithms of their sums, in float32. */
function merged(data: CheckData, of: Sizes, part: number, mask: MaskPredicate) {
  const f = Math.fround;
  const parts = Array.from({ length: Math.ceil(of.n / part) }, (_, p) =>
    result(data, { ...of, dtype: "f32" }, plainOrders[0]!, (b, h, q, k) => Math.floor(k / part) === p && mask(b, h, q, k)),
  );
  const out = new Float32Array(parts[0]!.out.length);
  const lse = parts[0]!.lse.map((_, row) => {
    const logs = parts.map((each) => f(each.lse[row]! / f(Math.LN2)));
    const most = Math.max(...logs);
    if (most === -Infinity) return -Infinity;
    const weights = logs.map((log) => f(2 ** f(log - most)));
    const sum = weights.reduce((a, b) => f(a + b), 0);
    for (let at = row * 4; at < row * 4 + 4; at++) {
      out[at] = parts.reduce((a, { out }, p) => f(a + f(weights[p]! * out[at]!)), 0) / sum;
    }
    return f(Math.LN2) * f(most + f(Math.log2(sum)));
  });
  return { out: of.dtype === "f16" ? fromHalfArray(toHalfArray(out)) : out, lse };
}

test("a right kernel that computes rows in parts agrees too", () => {
  const long = sizes.map((of) => ({ ...of, n: of.n + 130, headDim: 4 as const, window: 3 * of.window }));
  fc.assert(
    fc.property(long, (of) => {
      for (const data of checksOf(of)) {
        const whole = result(data, of, plainOrders[1]!, windowed(of.window));
        for (const part of [64, 128])
          expect(disagreement(whole, merged(data, of, part, windowed(of.window)), data.rounding)).toBeUndefined();
      }
    }),
    { numRuns: 10 },
  );
});

test("the tensors are such that f16 holds them", () => {
  fc.assert(
    fc.property(sizes, (of) => {
      for (const { q, k, v } of checksOf(of)) for (const each of [q, k, v]) expect(fromHalfArray(toHalfArray(each))).toEqual(each);
    }),
    { numRuns: 20 },
  );
});

test("a kernel that leaves out one pair of the mask, or adds one, disagrees", () => {
  fc.assert(
    fc.property(sizes, fc.nat(), fc.nat(), (of, a, b) => {
      const [q, k] = [a % of.n, b % of.n];
      const mask = windowed(of.window);
      const other: MaskPredicate = (batch, h, i, j) => mask(batch, h, i, j) !== (h === 0 && i === q && j === k);
      const found = checksOf(of).map((data) =>
        disagreement(result(data, of, plainOrders[0]!, mask), result(data, of, plainOrders[1]!, other), data.rounding),
      );
      expect(found[0]).toMatch(new RegExp(`^(out|lse)\\[`));
    }),
    { numRuns: 60 },
  );
});

test("one key of many is missed in the counts", () => {
  const of: Sizes = { n: 5000, headDim: 4, heads: 1, scale: undefined, dtype: "f32", window: 1 };
  const [data] = checksOf(of);
  const only =
    (mask: MaskPredicate): MaskPredicate =>
    (b, h, q, k) =>
      q === 0 && mask(b, h, q, k);
  const all = result(
    data!,
    of,
    plainOrders[0]!,
    only(() => true),
  );
  const missing = result(
    data!,
    of,
    plainOrders[0]!,
    only((_b, _h, _q, k) => k !== 4321),
  );
  expect(
    disagreement(
      all,
      result(
        data!,
        of,
        plainOrders[2]!,
        only(() => true),
      ),
      data!.rounding,
    ),
  ).toBeUndefined();
  expect(disagreement(all, missing, data!.rounding)).toBeDefined();
});

test("wrong scores disagree where many keys compete", () => {
  const of: Sizes = { n: 3000, headDim: 64, heads: 1, scale: undefined, dtype: "f16", window: 1 };
  const [, data] = checksOf(of);
  const last: MaskPredicate = (_b, _h, q) => q === 2999;
  const right = result(data!, of, plainOrders[0]!, last);
  // The last four of 64 head dims left out.
  const q = data!.q.map((x, i) => (i % 64 < 60 ? x : 0));
  expect(disagreement(right, result(data!, of, plainOrders[1]!, last), data!.rounding)).toBeUndefined();
  expect(disagreement(right, result({ ...data!, q }, of, plainOrders[0]!, last), data!.rounding)).toBeDefined();
});

test("a NaN or an infinity agrees with nothing but the same infinity", () => {
  const one = (value: number) => ({ out: Float32Array.of(value), lse: Float32Array.of(0) });
  const { rounding } = checksOf({ n: 3, headDim: 4, heads: 1, scale: 1, dtype: "f32", window: 3 })[1]!;
  expect(disagreement(one(-Infinity), one(-Infinity), rounding)).toBeUndefined();
  expect(disagreement(one(-Infinity), one(Infinity), rounding)).toBeDefined();
  expect(disagreement(one(-Infinity), one(1), rounding)).toBeDefined();
  expect(disagreement(one(1), one(-Infinity), rounding)).toBeDefined();
  expect(disagreement(one(NaN), one(NaN), rounding)).toBeDefined();
});

test("the majority is the one largest group", () => {
  expect(majority(["a"])).toEqual([0]);
  expect(majority(["a", "b", "a"])).toEqual([0, 2]);
  expect(majority(["a", "b"])).toBeUndefined();
  expect(majority(["a", "b", "c", "b"])).toEqual([1, 3]);
  expect(majority(["a", "a", "b", "b", "c"])).toBeUndefined();
});

test("a race drops what is clearly slower and counts the runs that it saves", async () => {
  const script: Record<string, number[]> = {
    fast: [5, 6, 5, 6, 5],
    disturbed: [90, 5.5, 5.5, 5.5, 5.5],
    twice: [13, 14],
    behind: [6.5, 7, 6.5],
  };
  const order: string[] = [];
  const dones: number[] = [];
  const entrants = Object.entries(script).map(([name, times]) => {
    const left = [...times];
    const time = () => {
      order.push(name);
      expect(left.length, `${name} was timed too often`).toBeGreaterThan(0);
      return Promise.resolve(left.shift()!);
    };
    return { name, time };
  });
  const times = await race(entrants, 5, ({ done }) => dones.push(done));
  expect(times).toEqual(Object.values(script));
  expect(order.slice(0, 4)).toEqual(Object.keys(script));
  expect(order.slice(4, 11)).toEqual([...Object.keys(script), "fast", "disturbed", "behind"]);
  expect(dones.at(-1)).toBe(20);
  expect(dones).toEqual([...dones].sort((a, b) => a - b));
});

test("the best is never clearly slower than itself, and a slower one never than a faster", () => {
  const times = fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(times, times, (a, b) => {
      expect(clearlySlower(a, a)).toBe(false);
      if (clearlySlower(a, b)) expect(median(a)).toBeGreaterThan(median(b));
      expect(median(a)).toBe(median([...a].reverse()));
    }),
  );
});
