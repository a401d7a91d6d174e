import fc from "fast-check";
import { expect, test } from "vitest";
import { distance, suggest } from "../../compiler/diagnostics/suggest.js";

const clauses = ["space", "shape", "attend", "assign", "input", "let", "keep", "score"];

test.each([
  ["spcae", "space"],
  ["atend", "attend"],
  ["attendd", "attend"],
  ["ATTEND", "attend"],
  ["inptu", "input"],
  ["asign", "assign"],
  ["kep", "keep"],
  ["shpae", "shape"],
  ["frobnicate", undefined],
  ["x", undefined],
  ["", undefined],
  ["keep", undefined],
])("%s means %s", (name, meant) => {
  expect(suggest(name, clauses)).toBe(meant);
});

test("the nearest wins, and of equals the one with the same first letter, then the first", () => {
  expect(suggest("windw", ["wind", "window"])).toBe("wind");
  expect(suggest("cop", ["top", "cap"])).toBe("cap");
  expect(suggest("ab", ["ac", "ad"])).toBe("ac");
});

/** The definition, without a table. */
function plain(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const [x, y] = [a.slice(0, -1), b.slice(0, -1)];
  let least = Math.min(plain(x, b) + 1, plain(a, y) + 1, plain(x, y) + (a.at(-1) === b.at(-1) ? 0 : 1));
  if (a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1)) {
    least = Math.min(least, plain(a.slice(0, -2), b.slice(0, -2)) + 1);
  }
  return least;
}

test("the distance is that of its definition", () => {
  const word = fc.stringMatching(/^[abc]{0,5}$/);
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(distance(a, b)).toBe(plain(a, b));
      expect(distance(b, a)).toBe(distance(a, b));
    }),
  );
});
