import fc from "fast-check";
import { expect, test } from "vitest";
import { fromBfloatArray, fromBfloatBits, toBfloatArray, toBfloatBits } from "../../../runtime/launch/bfloat.js";
import { roundTo } from "../../../runtime/reference/formats.js";

test("every bfloat16 number is the float32 whose upper half it is, and is written back", () => {
  const view = new DataView(new ArrayBuffer(4));
  const wrong: number[] = [];
  for (let i = 0; i < 65536; i++) {
    view.setUint16(0, i);
    const value = view.getFloat32(0);
    if (!Object.is(fromBfloatBits(i), value) || (!Number.isNaN(value) && toBfloatBits(value) !== i)) wrong.push(i);
  }
  expect(wrong).toEqual([]);
  expect(fromBfloatBits(toBfloatBits(NaN))).toBeNaN();
  // A NaN whose payload is all in the half that goes.
  view.setUint32(0, 0x7f800001);
  expect(fromBfloatBits(toBfloatBits(view.getFloat32(0)))).toBeNaN();
});

test("every float is rounded as the definition says", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.float({ noNaN: true }),
        fc.float({ min: -300, max: 300, noNaN: true }),
        fc.float({ min: Math.fround(-1e-38), max: Math.fround(1e-38), noNaN: true }),
        // Half way between two neighbours, and one step of a float beside it.
        fc
          .tuple(fc.integer({ min: 0, max: 0x7f7e }), fc.constantFrom(0x7fff, 0x8000, 0x8001), fc.boolean())
          .map(([high, low, negative]) => {
            const view = new DataView(new ArrayBuffer(4));
            view.setUint16(0, high | (negative ? 0x8000 : 0));
            view.setUint16(2, low);
            return view.getFloat32(0);
          }),
      ),
      (value) => {
        // The definition knows one zero.
        expect(fromBfloatBits(toBfloatBits(value)) + 0).toBe(roundTo("bf16", value) + 0);
      },
    ),
    { numRuns: 5000 },
  );
});

test("what is above the greatest number by half a step is infinite", () => {
  const greatest = (2 - 2 ** -7) * 2 ** 127;
  const half = 2 ** 119;
  for (const round of [(x: number) => fromBfloatBits(toBfloatBits(x)), (x: number) => roundTo("bf16", x)]) {
    expect(round(greatest)).toBe(greatest);
    expect(round(Math.fround(greatest + half * 0.99))).toBe(greatest);
    expect(round(greatest + half)).toBe(Infinity);
    expect(round(-greatest - half)).toBe(-Infinity);
  }
});

test("arrays", () => {
  expect([...fromBfloatArray(toBfloatArray(Float32Array.of(1, -2.5, 3.14159, 0)))]).toEqual([1, -2.5, 3.140625, 0]);
});
