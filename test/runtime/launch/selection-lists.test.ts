import fc from "fast-check";
import { expect, test } from "vitest";
import { selectedBits, selectedUnits } from "../../../runtime/index.js";
import { checkPaddingBits } from "../../../runtime/launch/selection/lists.js";

const shapes = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  heads: fc.integer({ min: 1, max: 3 }),
  rows: fc.integer({ min: 1, max: 4 }),
  columns: fc.integer({ min: 1, max: 100 }),
});

test("lists become bits and lists again, sorted and each unit once", () => {
  fc.assert(
    fc.property(shapes, fc.array(fc.array(fc.nat({ max: 1000 }), { maxLength: 20 }), { minLength: 1, maxLength: 36 }), (shape, lists) => {
      const listOf = (b: number, h: number, row: number): number[] =>
        lists[((b * shape.heads + h) * shape.rows + row) % lists.length]!.map((unit) => unit % shape.columns);
      const bits = selectedBits(shape, listOf);
      checkPaddingBits("bits", bits);
      for (let b = 0; b < shape.batch; b++)
        for (let h = 0; h < shape.heads; h++)
          for (let row = 0; row < shape.rows; row++)
            expect(selectedUnits(bits, b, h, row)).toEqual([...new Set(listOf(b, h, row))].sort((x, y) => x - y));
    }),
  );
});

test("a row, head or unit that there is not is named", () => {
  const shape = { batch: 1, heads: 2, rows: 3, columns: 40 };
  const bits = selectedBits(shape, () => [39]);
  expect(bits.words).toEqual(Uint32Array.from(Array.from({ length: 6 }, () => [0, 128]).flat()));
  expect(() => selectedUnits(bits, 0, 2, 0)).toThrow(
    "ATTN5216: head: expected an integer from 0 to 1, found 2. Ask for a row that the selection has.",
  );
  expect(() => selectedUnits(bits, 0, 0, -1)).toThrow("ATTN5216: row: expected an integer from 0 to 2, found -1.");
  expect(() => selectedBits(shape, (_, h, row) => (h === 1 && row === 2 ? [0, 40] : []))).toThrow(
    "ATTN5216: units of batch entry 0, head 1, row 2: expected integers from 0 to 39, found 40. Leave out units that the call does not have.",
  );
});

test("bits past the columns are found, the top one of a word too", () => {
  const bits = selectedBits({ batch: 2, heads: 1, rows: 2, columns: 33 }, () => [0, 32]);
  checkPaddingBits("reuse.a", bits);
  const wrong = bits.words.slice();
  wrong[5]! |= 1 << 31;
  expect(() => checkPaddingBits("reuse.a", { ...bits, words: wrong })).toThrow(
    "ATTN5216: reuse.a.words[5]: expected no bit past the 33 columns, found bit 63 of row 0 of head 0, batch entry 1.",
  );
});
