import { expect, test } from "vitest";
import {
  evaluateInt,
  evaluateMask,
  evaluateScalars,
  SCALAR_LIMIT,
  toScalar,
  type MaskEnv,
  type PairEnv,
} from "../../compiler/mask/evaluate.js";
import type { BoolExpr, HostExpr, IntExpr } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { moduleOf } from "./arbitrary.js";

const env: MaskEnv = { N: 6, NQ: 3, heads: 4, kvHeads: 2, params: { w: 3, g: 2 }, layer: 1, layers: 4, step: 0, steps: 8, phase: 0 };
const at = (q: number, k: number, extra: Partial<MaskEnv> = {}): PairEnv => ({ env: { ...env, ...extra }, scalars: [7], b: 1, h: 3, q, k });
const value = (expr: IntExpr, q = 5, k = 2): number => evaluateInt(expr, at(q, k));

test("division floors and the remainder is never negative", () => {
  const pairs = [-7, -4, -1, 0, 1, 4, 7].map((a) => [value(m.div(m.int(a), m.int(4))), value(m.mod(m.int(a), m.int(4)))]);
  expect(pairs).toEqual([
    [-2, 1],
    [-1, 0],
    [-1, 3],
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 3],
  ]);
  expect(Object.is(value(m.mod(m.int(-4), m.int(4))), 0)).toBe(true);
});

test("integers wrap at 32 bits", () => {
  expect(value(m.add(m.int(2 ** 31 - 1), m.int(1)))).toBe(-(2 ** 31));
  expect(value(m.mul(m.int(65536), m.int(65537)))).toBe(65536);
  expect(value(m.neg(m.int(-(2 ** 31))))).toBe(-(2 ** 31));
});

test("variables and parameters come from the environment", () => {
  const names = ["q", "k", "b", "h", "kvh", "N", "NQ", "layer", "layers", "steps"] as const;
  expect(names.map((name) => value(m.variable(name)))).toEqual([5, 2, 1, 3, 1, 6, 3, 1, 4, 8]);
  expect(value(m.param("w"))).toBe(3);
  expect(value(m.scalar(0))).toBe(7);
  expect(() => evaluateInt(m.variable("layer"), at(0, 0, { layer: undefined }))).toThrow("lacks layer");
});

test("ids past the ends of an input read its ends; each batch entry has its own", () => {
  const doc = { kind: "ids", batch: 2, length: 3, data: Int32Array.of(1, 2, 3, 10, 20, 30) } as const;
  const load = (index: number) => evaluateInt(m.load("doc", m.int(index)), at(0, 0, { inputs: { doc } }));
  expect([-5, 0, 2, 9].map(load)).toEqual([10, 10, 30, 30]);
});

test("bits outside of an input are false, and heads are read by query head or kv head", () => {
  const mask: BoolExpr = m.bit("map", m.q, m.k);
  const bits = (heads: number) => ({
    kind: "bits" as const,
    batch: 1,
    heads,
    rows: 6,
    columns: 2,
    // Only the last head has anything.
    data: Uint8Array.from({ length: heads * 12 }, (_, i) => (i >= (heads - 1) * 12 ? 1 : 0)),
  });
  const see = (heads: number, h: number, q: number, k: number) =>
    evaluateMask(moduleOf(mask), { ...env, inputs: { map: bits(heads) } }, 0, h, q, k);
  expect([0, 1, 2, 3].map((h) => see(4, h, 0, 0))).toEqual([false, false, false, true]);
  expect([0, 1, 2, 3].map((h) => see(2, h, 0, 0))).toEqual([false, false, true, true]);
  expect([0, 1, 2, 3].map((h) => see(1, h, 0, 0))).toEqual([true, true, true, true]);
  expect([see(1, 0, 6, 0), see(1, 0, 0, 2), see(1, 0, -1, 0)]).toEqual([false, false, false]);
});

test("powers of two are 1, 2, 4, and not 0 or negative numbers", () => {
  const powers = Array.from({ length: 70 }, (_, i) => i - 5).filter((n) => evaluateMask(moduleOf(m.pow2(m.int(n))), env, 0, 0, 0, 0));
  expect(powers).toEqual([1, 2, 4, 8, 16, 32, 64]);
});

test("host scalars are computed per head in float64, and read tables inside their bounds", () => {
  const cell = (row: number): HostExpr => ({
    kind: "table",
    table: 0,
    row: { kind: "number", value: row },
    column: { kind: "var", name: "kvh" },
  });
  const module = {
    ...moduleOf(m.bool(true)),
    tables: [{ name: "alpha", rows: 2, columns: 2, values: [0.5, 1.5, 2.5, 3.5] }],
    scalars: [
      { note: "", expr: { kind: "mul", a: cell(0), b: { kind: "var", name: "N" } } as HostExpr },
      { note: "", expr: cell(9) },
    ],
  };
  expect([0, 1, 2, 3].map((h) => evaluateScalars(module, env, h))).toEqual([
    [3, 2],
    [3, 2],
    [9, 3],
    [9, 3],
  ]);
});

test("scalars are held within their limit", () => {
  expect([Infinity, -Infinity, NaN, 2.7, -2.7].map(toScalar)).toEqual([SCALAR_LIMIT, -SCALAR_LIMIT, 0, 2, -3]);
});
