import fc from "fast-check";
import { expect, test } from "vitest";
import { packBits } from "../../../runtime/index.js";

test("bit c of a row is bit c & 31 of its word c >> 5, and each row starts a word", () => {
  fc.assert(
    fc.property(fc.nat(4), fc.nat(5), fc.nat(70), fc.infiniteStream(fc.boolean()), (matrices, rows, columns, stream) => {
      const values = Array.from({ length: matrices * rows * columns }, () => stream.next().value as boolean);
      const words = packBits(values, rows, columns, matrices);
      const stride = Math.ceil(columns / 32);
      expect(words.length).toBe(matrices * rows * stride);
      values.forEach((value, i) => {
        const [row, column] = [Math.floor(i / columns), i % columns];
        expect(((words[row * stride + (column >> 5)]! >>> (column & 31)) & 1) === 1).toBe(value);
      });
      const ones = words.reduce((sum, word) => sum + word.toString(2).replaceAll("0", "").length, 0);
      expect(ones).toBe(values.filter(Boolean).length);
    }),
  );
  expect(() => packBits([1, 0, 1], 2, 2)).toThrow("expected 1 x 2 x 2 values, found 3");
});
