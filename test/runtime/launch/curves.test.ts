import fc from "fast-check";
import { expect, test } from "vitest";
import { gilbert, orderTable } from "../../../runtime/launch/curves.js";

const sizes = fc.array(fc.integer({ min: 1, max: 13 }), { minLength: 2, maxLength: 3 });

/** How far apart the points of each step are, along the axes. */
function steps(points: readonly (readonly number[])[]): readonly number[] {
  return points.slice(1).map((point, i) => point.reduce((sum, x, axis) => sum + Math.abs(x - points[i]![axis]!), 0));
}

test("the generalised Hilbert curve visits every point of a grid once, and goes on beside it or across a corner", () => {
  fc.assert(
    fc.property(sizes, (extents) => {
      const points = gilbert(extents);
      const positions = points.map((point) => point.reduce((position, x, axis) => position * extents[axis]! + x, 0));
      expect(points.every((point) => point.every((x, axis) => x >= 0 && x < extents[axis]!))).toBe(true);
      const length = extents.reduce((product, extent) => product * extent, 1);
      expect([...positions].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
      expect(Math.max(0, ...steps(points))).toBeLessThanOrEqual(2);
    }),
    { numRuns: 300 },
  );
});

test("over equal powers of two it is Hilbert's: no step is longer than one", () => {
  for (const extents of [
    [2, 2],
    [32, 32],
    [4, 4, 4],
    [16, 16, 16],
  ]) {
    expect(new Set(steps(gilbert(extents)))).toEqual(new Set([1]));
  }
  const order = gilbert([4, 4]).map(([y, x]) => `${y}${x}`);
  expect(order.join(" ")).toBe("00 10 11 01 02 03 13 12 22 23 33 32 31 21 20 30");
});

test("runs of the curve are compact where extents are even", () => {
  const points = gilbert([30, 48, 80]);
  let volume = 0;
  for (let first = 0; first < points.length; first += 64) {
    const run = points.slice(first, first + 64);
    volume += [0, 1, 2].reduce((product, axis) => {
      const along = run.map((point) => point[axis]!);
      return product * (Math.max(...along) - Math.min(...along) + 1);
    }, 1);
  }
  // The boxes around runs of 64 tokens: on average less than four times the tokens, where rows have 64 and a cube 64.
  expect(volume / points.length).toBeLessThan(4);
});

test("tables hold a coordinate or the position of each place, and tokens behind the grid keep theirs", () => {
  const spec = { name: "0", curve: "gilbert", extents: [2, 3], behind: 2 } as const;
  const [y, x] = [orderTable({ ...spec, of: 0 }), orderTable({ ...spec, of: 1 })];
  const positions = orderTable({ ...spec, of: "position" });
  expect([...positions.slice(0, 6)]).toEqual([0, 1, 2, 3, 4, 5].map((i) => y[i]! * 3 + x[i]!));
  expect([...positions.slice(6)]).toEqual([6, 7]);
  expect([...y.slice(6)]).toEqual([y[5], y[5]]);
});
