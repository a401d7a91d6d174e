import { Float16Array } from "@petamoriken/float16";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fromHalfBits, toHalfBits } from "../../../runtime/launch/half.js";

const bits = new Uint16Array(1);
const twin = new Float16Array(bits.buffer);

test("every binary16 number is read as the library reads it, and written back", () => {
  const wrong: number[] = [];
  for (let i = 0; i < 65536; i++) {
    bits[0] = i;
    const value = twin[0]!;
    if (!Object.is(fromHalfBits(i), value) || (!Number.isNaN(value) && toHalfBits(value) !== i)) wrong.push(i);
  }
  expect(wrong).toEqual([]);
  expect(fromHalfBits(toHalfBits(NaN))).toBeNaN();
});

test("every float is rounded as the library rounds it", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.float({ noNaN: true }),
        fc.float({ min: -70000, max: 70000, noNaN: true }),
        fc.float({ min: Math.fround(-1e-4), max: Math.fround(1e-4), noNaN: true }),
      ),
      (value) => {
        twin[0] = value;
        expect(toHalfBits(value)).toBe(bits[0]);
      },
    ),
    { numRuns: 3000 },
  );
  // Half way between two neighbours, and one step of a float beside it.
  for (const [low, high] of [
    [1, 1 + 2 ** -10],
    [1 + 2 ** -10, 1 + 2 ** -9],
    [2 ** -14, 2 ** -14 + 2 ** -24],
    [2 ** -24, 2 ** -23],
    [0, 2 ** -24],
    [65472, 65504],
  ] as const) {
    for (const nudge of [-(2 ** -23), 0, 2 ** -23]) {
      const value = Math.fround(((low + high) / 2) * (1 + nudge));
      twin[0] = value;
      expect(toHalfBits(value)).toBe(bits[0]);
      twin[0] = -value;
      expect(toHalfBits(-value)).toBe(bits[0]);
    }
  }
});
