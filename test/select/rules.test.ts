import { expect, test } from "vitest";
import { int } from "../../compiler/mask/make.js";
import type { Force, Keep, RealValue } from "../../compiler/mask/selection.js";
import { interpretSelections } from "../../compiler/select/interpret.js";
import { lowerSelections } from "../../compiler/select/lower.js";
import { FULL, moduleWith } from "./policies.js";
import * as t from "./tensors.js";

/** Which columns each row keeps of scores that the caller gives, one row after another. */
function kept(
  rows: readonly (readonly number[])[],
  keep: Omit<Keep, "scope"> & { scope?: Keep["scope"] },
  force?: Force,
): readonly number[][] {
  const [NQ, N] = [rows.length, rows[0]!.length];
  const selection = {
    kind: "selection",
    name: "x",
    heads: "query",
    rows: { unit: 1 },
    columns: { kind: "keys", unit: 1 },
    score: t.scores("given", 1, 1),
    keep: { scope: "row", ...keep },
    ...(force === undefined ? {} : { force }),
  } as const;
  const floatInputs = [{ kind: "scores", name: "given", n: 1, m: 1 } as const];
  const module = moduleWith([selection], { space: { ...FULL, kind: "cross" }, heads: 1, kvHeads: 1, headDim: 4, floatInputs });
  const floats = { given: { batch: 1, heads: 1, data: Float32Array.from(rows.flat()) } };
  const call = {
    env: { N, NQ, heads: 1, kvHeads: 1 },
    batch: 1,
    headDim: 4,
    q: new Float32Array(NQ * 4),
    k: new Float32Array(N * 4),
    floats,
  };
  const { data } = interpretSelections(lowerSelections(module)!, call).x!;
  return rows.map((row, r) => row.flatMap((_, c) => (data[r * N + c] === 1 ? [c] : [])));
}

const top = (n: number): { rule: Keep["rule"] } => ({ rule: { kind: "top", n: int(n) } });
const by = (kind: "mass" | "threshold" | "fraction", value: number): { rule: Keep["rule"] } => {
  const real: RealValue = { kind: "number", value };
  return { rule: kind === "mass" ? { kind, p: real } : kind === "threshold" ? { kind, t: real } : { kind, f: real } };
};
const forced = (first: number, onTop: boolean): Force => ({ first: int(first), onTop });

test("ties go to the lower index", () => {
  expect(kept([[1, 2, 2, 2, 3]], top(3))).toEqual([[1, 2, 4]]);
  expect(kept([[5, 5, 5, 5]], top(2))).toEqual([[0, 1]]);
  expect(kept([[0, -0, 0, -0]], top(2))).toEqual([[0, 1]]);
});

test("a budget of 0 keeps nothing, one beyond the row keeps all", () => {
  expect(kept([[1, 2, 3]], top(0))).toEqual([[]]);
  expect(kept([[1, 2, 3]], top(9))).toEqual([[0, 1, 2]]);
});

test("NaN ranks last and has no mass", () => {
  expect(kept([[NaN, -Infinity, NaN, 1]], top(2))).toEqual([[1, 3]]);
  expect(kept([[NaN, -5, NaN]], top(2))).toEqual([[0, 1]]);
  expect(kept([[NaN, 1, 3]], by("mass", 1))).toEqual([[1, 2]]);
  expect(kept([[NaN, -Infinity, 3]], by("threshold", -Infinity))).toEqual([[1, 2]]);
});

test("forced units are inside of the budget, or on top of it; more of them than the budget are kept all the same", () => {
  expect(kept([[0, 1, 2, 3, 4]], top(2), forced(1, false))).toEqual([[0, 4]]);
  expect(kept([[0, 1, 2, 3, 4]], top(2), forced(1, true))).toEqual([[0, 3, 4]]);
  expect(kept([[0, 1, 2, 3, 4]], top(2), forced(3, false))).toEqual([[0, 1, 2]]);
});

test("mass: the smallest prefix that has at least so much", () => {
  // Exactly a half with the best alone, then a hair more.
  expect(kept([[2, 4, 1, 1]], by("mass", 0.5))).toEqual([[1]]);
  expect(kept([[2, 4, 1, 1]], by("mass", 0.5 + 2 ** -20))).toEqual([[0, 1]]);
  expect(kept([[2, 4, 1, 1]], by("mass", 1))).toEqual([[0, 1, 2, 3]]);
  expect(kept([[2, 4, 1, 1]], by("mass", 0))).toEqual([[]]);
  // Equal scores: as many as it takes, from the left.
  expect(kept([[1, 1, 1, 1, 1, 1, 1, 1]], by("mass", 0.5))).toEqual([[0, 1, 2, 3]]);
  // Forced units count, or do not.
  expect(kept([[2, 4, 1, 1]], by("mass", 0.5), forced(1, false))).toEqual([[0, 1]]);
  expect(kept([[2, 4, 1, 1]], by("mass", 0.5), forced(1, true))).toEqual([[0, 1]]);
  expect(kept([[6, 1, 1]], by("mass", 0.75), forced(1, false))).toEqual([[0]]);
  expect(kept([[6, 1, 1]], by("mass", 0.75), forced(1, true))).toEqual([[0, 1, 2]]);
});

test("mass: what is below 0 has none, what is infinite that of 2^128", () => {
  expect(kept([[-8, 3, 1]], by("mass", 0.75))).toEqual([[1]]);
  expect(kept([[-8, 3, 1, -1]], by("mass", 1))).toEqual([[1, 2]]);
  expect(kept([[-8, 3, 1]], by("mass", 0.5), forced(1, false))).toEqual([[0, 1]]);
  expect(kept([[-3, -1]], by("mass", 0.5))).toEqual([[]]);
  expect(kept([[1, Infinity, Infinity]], by("mass", 0.5))).toEqual([[1]]);
  expect(kept([[1, Infinity, Infinity]], by("mass", 0.75))).toEqual([[1, 2]]);
});

test("a long tail is not lost beside one large score", () => {
  const row = [1, ...Array.from({ length: 4096 }, () => 2 ** -24)];
  // The tail has 2^-12 of the mass of the first.
  expect(kept([row], by("mass", 1 - 2 ** -13))[0]!.length).toBeGreaterThan(2000);
});

test("fractions round up, bounds hold for them and for mass and threshold", () => {
  expect(kept([[1, 2, 3, 4, 5]], by("fraction", 0.25))).toEqual([[3, 4]]);
  expect(kept([[1, 2, 3, 4, 5]], { ...by("threshold", 9), least: int(1) })).toEqual([[4]]);
  expect(kept([[1, 2, 3, 4, 5]], { ...by("threshold", 2), most: int(2) })).toEqual([[3, 4]]);
  expect(kept([[1, 2, 3, 4, 5]], { ...by("mass", 1), most: int(2) }, forced(1, false))).toEqual([[0, 4]]);
});

test("over a head all rows share one budget, ties in row-major order", () => {
  const rows = [
    [1, 2, 3],
    [3, 0, 3],
  ];
  expect(kept(rows, { ...top(2), scope: "head" })).toEqual([[2], [0]]);
  expect(kept(rows, { ...by("mass", 0.75), scope: "head" })).toEqual([[2], [0, 2]]);
});
