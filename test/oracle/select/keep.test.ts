import { expect, test } from "vitest";
import { rowsOf, scalars, scores, selected, selectionsOf, type Call } from "./selected.js";

const tokens = "unit q: token, k: token\nscore dot(q, k)\n";
/** What the one query of a call keeps. */
const kept = (keep: string, call: Call): number[] => rowsOf(selected("seq full", tokens + keep, call))[0]!;

test("top(n) keeps the n best", () => {
  expect(kept("keep top(2)", scores(1, 5, 3, 4))).toEqual([1, 3]);
});

test("ties go to the lower index", () => {
  expect(kept("keep top(2)", scores(1, 3, 3, 3))).toEqual([1, 2]);
  expect(kept("keep top(2)", scores(7, 7, 7, 7))).toEqual([0, 1]);
  expect(kept("keep top_p(0.5)", scores(2, 2, 2, 2))).toEqual([0, 1]);
  // -0 is 0.
  expect(kept("keep top(1)", scores(-0, 0))).toEqual([0]);
});

test("fewer units than asked: all of them", () => {
  expect(kept("keep top(9)", scores(1, 2))).toEqual([0, 1]);
  expect(kept("keep fraction(2.0)", scores(1, 2))).toEqual([0, 1]);
});

test("a budget of 0 keeps what is forced", () => {
  expect(kept("keep top(0)", scores(1, 2, 3))).toEqual([]);
  expect(kept("keep top(0)\nforce first(1)", scores(1, 2, 3))).toEqual([0]);
  expect(kept("keep top_p(0.0)", scores(1, 2, 3))).toEqual([]);
  expect(kept("keep fraction(0.0)", scores(1, 2, 3))).toEqual([]);
});

test("top(n) counts forced units; `+ forced` puts them on top", () => {
  const call = scores(1, 5, 3, 4);
  expect(kept("keep top(2)\nforce first(1)", call)).toEqual([0, 1]);
  expect(kept("keep top(2) + forced\nforce first(1)", call)).toEqual([0, 1, 3]);
  // A forced unit that is among the best takes the place that it has anyway.
  expect(kept("keep top(2)\nforce k == 1", call)).toEqual([1, 3]);
  expect(kept("keep top(2) + forced\nforce k == 1", call)).toEqual([1, 2, 3]);
});

test("more forced units than the budget allows are all kept, and nothing else is", () => {
  expect(kept("keep top(1)\nforce first(2)", scores(1, 2, 9))).toEqual([0, 1]);
  expect(kept("keep top_p(0.1)\nforce first(2)", scores(1, 2, 9))).toEqual([0, 1]);
});

test("top_p(p) is the smallest prefix whose mass is at least p of all", () => {
  const call = scores(1, 4, 2, 1);
  // 6 of 8 is exactly three quarters.
  expect(kept("keep top_p(0.75)", call)).toEqual([1, 2]);
  expect(kept("keep top_p(0.7500001)", call)).toEqual([0, 1, 2]);
  expect(kept("keep top_p(0.5)", call)).toEqual([1]);
  expect(kept("keep top_p(1.0)", scores(1, 4, 0, 1))).toEqual([0, 1, 3]);
});

test("the mass of forced units counts, unless they are on top", () => {
  const call = scores(2, 4, 1, 1);
  expect(kept("keep top_p(0.5)\nforce last(1)", call)).toEqual([1, 3]);
  expect(kept("keep top_p(0.25)\nforce first(1)", call)).toEqual([0]);
  // 4 of the 6 that are not forced.
  expect(kept("keep top_p(0.6) + forced\nforce first(1)", call)).toEqual([0, 1]);
  expect(kept("keep top_p(0.75) + forced\nforce first(1)", call)).toEqual([0, 1, 2]);
});

test("a score below 0 has no mass, an infinite one that of 2^128", () => {
  expect(kept("keep top_p(0.75)", scores(-8, 3, 1))).toEqual([1]);
  expect(kept("keep top_p(1.0)", scores(-8, 3, 1, -1))).toEqual([1, 2]);
  expect(kept("keep top_p(0.5)\nforce first(1)", scores(-8, 3, 1))).toEqual([0, 1]);
  expect(kept("keep top_p(0.5)", scores(-3, -1))).toEqual([]);
  expect(kept("keep top_p(0.5)", scores(1, Infinity, 2))).toEqual([1]);
  expect(kept("keep top_p(0.5)", scores(1, Infinity, Infinity))).toEqual([1]);
  expect(kept("keep top_p(0.75)", scores(1, Infinity, Infinity))).toEqual([1, 2]);
});

test("all scores 0: no mass is wanted", () => {
  expect(kept("keep top_p(0.9)", scores(0, 0, 0))).toEqual([]);
  expect(kept("keep top_p(0.9) min 1", scores(0, 0, 0))).toEqual([0]);
});

test("threshold(t) keeps scores of at least t", () => {
  expect(kept("keep threshold(3)", scores(2.9375, 3, 3.0625))).toEqual([1, 2]);
  expect(kept("keep threshold(9)\nforce first(1)", scores(1, 2))).toEqual([0]);
});

test("fraction(f) keeps that part of the candidates, rounded up", () => {
  expect(kept("keep fraction(0.5)", scores(1, 2, 3, 4, 5))).toEqual([2, 3, 4]);
  expect(kept("keep fraction(0.3)", scores(1, 2, 3, 4, 5, 6, 7, 8, 9, 10))).toEqual([7, 8, 9]);
  // Of the 4 that are not forced.
  expect(kept("keep fraction(0.5) + forced\nforce first(1)", scores(1, 2, 3, 4, 5))).toEqual([0, 3, 4]);
});

test("min and max bound how many units are kept, forced ones among them", () => {
  const call = scores(1, 4, 2, 1);
  expect(kept("keep top_p(0.5) min 3", call)).toEqual([0, 1, 2]);
  expect(kept("keep top_p(0.9) max 2", call)).toEqual([1, 2]);
  expect(kept("keep threshold(9) min 2\nforce last(1)", call)).toEqual([1, 3]);
  expect(kept("keep fraction(1.0) max 1", call)).toEqual([1]);
});

test("a NaN score ranks last and has no mass", () => {
  expect(kept("keep top(2)", scores(NaN, 1, 2))).toEqual([1, 2]);
  expect(kept("keep top(3)", scores(NaN, 1, NaN, -Infinity))).toEqual([0, 1, 3]);
  expect(kept("keep top_p(0.75)", scores(NaN, 3, 1))).toEqual([1]);
  expect(kept("keep threshold(0)", scores(NaN, 3, -1))).toEqual([1]);
  expect(kept("keep top(1)", scores(NaN, NaN))).toEqual([0]);
});

test("a row ranks the units that causality allows", () => {
  const body = tokens + "keep top(2)";
  expect(rowsOf(selected("seq causal", body, scalars([1, 1, 1, 1], [1, 2, 3, 4])))).toEqual([[0], [0, 1], [1, 2], [2, 3]]);
  expect(rowsOf(selected("seq causal", body, scalars([1, 1], [1, 2, 3, 4])))).toEqual([
    [1, 2],
    [2, 3],
  ]);
});

test("over head: one budget for all rows, ties row by row", () => {
  const call = scalars([1, 2], [3, 1, 2]);
  // Scores 3 1 2 and 6 2 4.
  expect(rowsOf(selected("seq full", tokens + "keep top(3) over head", call))).toEqual([[0], [0, 2]]);
  expect(rowsOf(selected("seq full", tokens + "keep top(4) over head", call))).toEqual([
    [0, 2],
    [0, 2],
  ]);
  // 13 of 18 are exactly 6 + 4 + 3.
  expect(rowsOf(selected("seq full", tokens + "keep top_p(0.72) over head", call))).toEqual([[0], [0, 2]]);
});

test("NAME.min is the selection with only its least number of units", () => {
  const body = `space seq full\nselect s { ${tokens.replaceAll("\n", ";")} keep top_p(1.0) min 2; force first(1) }\nattend s.min`;
  const least = selectionsOf(body, scores(1, 5, 3, 4)).get("s_min")!;
  expect(rowsOf(least.select(0, 0))).toEqual([[0, 1]]);
});
