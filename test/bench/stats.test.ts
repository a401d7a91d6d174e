import fc from "fast-check";
import { expect, test } from "vitest";
import { median, offTheMedian, pairedRatio, quantile, summarize } from "../../bench/measure/stats.js";

const times = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 20 });

test("the median has half of the values on each side", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
  fc.assert(
    fc.property(times, (values) => {
      const middle = median(values);
      expect(values.filter((value) => value < middle).length).toBeLessThanOrEqual(values.length / 2);
      expect(values.filter((value) => value > middle).length).toBeLessThanOrEqual(values.length / 2);
    }),
  );
});

test("a quantile of evenly spaced values lies in proportion", () => {
  const values = Array.from({ length: 11 }, (_, i) => i * 10);
  for (const part of [0, 0.25, 0.33, 0.5, 1]) expect(quantile(values, part)).toBeCloseTo(part * 100, 9);
  expect(summarize([10, 20, 30, 40, 50])).toEqual({ runs: 5, median: 30, least: 10, spread: 20 / 2 / 30 });
});

test("a ratio is taken within rounds, so that a slow round changes nothing", () => {
  fc.assert(
    fc.property(times, fc.double({ min: 0.1, max: 100, noNaN: true }), (load, factor) => {
      // Everything of a round is slowed down alike.
      const fast = load.map((slowdown) => 3 * slowdown);
      const slow = load.map((slowdown) => 3 * factor * slowdown);
      expect(pairedRatio(slow, fast) / factor).toBeCloseTo(1, 9);
    }),
  );
  expect(pairedRatio([10, 20], [5, 5, 1, 1])).toBe(3);
  expect(pairedRatio([], [1])).toBeNaN();
});

test("distances from the median are taken within rounds, too", () => {
  const rounds = [1, 7, 2];
  const off = offTheMedian([rounds.map((load) => 9 * load), rounds.map((load) => 10 * load), rounds.map((load) => 12 * load), []]);
  expect(off.slice(0, 3).map((value) => Math.round(value * 1e9) / 1e9)).toEqual([-0.1, 0, 0.2]);
  expect(off[3]).toBeNaN();
  expect(offTheMedian([[], []])).toEqual([NaN, NaN]);
});
