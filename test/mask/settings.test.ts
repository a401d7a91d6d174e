import { expect, test } from "vitest";
import { evaluateMask } from "../../compiler/mask/evaluate.js";
import { printBool } from "../../compiler/mask/print.js";
import { attention, compile, moduleOf, show } from "../semantics/compile.js";

const text = attention("attend q - k < window & (k % stride == 0 if thin else all)", {
  params: "window = 8, stride: runtime = 4, thin = true",
});
const codes = (program: string, settings: Parameters<typeof compile>[1]) => compile(program, settings).diagnostics.map(show);

test("parameters take the values that are set", () => {
  expect(printBool(moduleOf(text).mask)).toBe("k <= q & q - k < 8 & k % $stride == 0");
  expect(printBool(moduleOf(text, { settings: { params: { window: 3, thin: false } } }).mask)).toBe("k <= q & q - k < 3");
});

test("setting a runtime parameter sets its default", () => {
  expect(moduleOf(text, { settings: { params: { stride: 9 } } }).params).toEqual([{ name: "stride", default: 9, min: 1 }]);
});

test("settings that do not fit are reported", () => {
  expect(codes(text, { settings: { params: { windw: 3 } } })).toEqual(['ATTN3009 1:11 "a"']);
  expect(codes(text, { settings: { params: { window: 1.5 } } })).toEqual(['ATTN3010 1:13 "window"']);
  expect(codes(text, { settings: { params: { thin: 1 } } })).toEqual(['ATTN3010 1:46 "thin"']);
  expect(codes(text, { settings: { params: { stride: 0 } } })).toEqual(['ATTN3001 1:43 "4"']);
  expect(codes(text, { name: "b" })).toEqual(["ATTN3015"]);
});

test("the shape comes from settings, then from the file, then from defaults", () => {
  const shaped = attention("shape heads: 4 * 2, dim: 32, dtype: f16\nattend all");
  const defaults = { heads: 8, kvHeads: 8, headDim: 64, valueDim: 64, dtype: "f32" };
  expect(moduleOf(attention("attend all")).shape).toEqual(defaults);
  expect(moduleOf(shaped).shape).toEqual({ heads: 8, kvHeads: 8, headDim: 32, valueDim: 32, dtype: "f16" });
  expect(moduleOf(shaped, { settings: { shape: { kvHeads: 2, valueDim: 96, dtype: "f32" } } }).shape).toEqual({
    heads: 8,
    kvHeads: 2,
    headDim: 32,
    valueDim: 96,
    dtype: "f32",
  });
});

test.each([
  [{ heads: 0 }, "ATTN3001"],
  [{ heads: 8, kvHeads: 3 }, "ATTN3002"],
  [{ headDim: 66 }, "ATTN3001"],
  [{ headDim: 260 }, "ATTN3001"],
  [{ valueDim: 2 }, "ATTN3001"],
])("a shape that cannot be is reported (%#)", (shape, code) => {
  expect(compile(attention("attend all"), { settings: { shape } }).diagnostics.map((d) => d.code)).toEqual([code]);
});

test("a table must fit the heads, whichever were asked for", () => {
  const program = attention('table t = csv("t.csv")\nattend q - k < t');
  const files = { "t.csv": "1,2,3,4\n" };
  const see = (shape: { heads: number; kvHeads: number }, h: number, distance: number) =>
    evaluateMask(moduleOf(program, { files, settings: { shape } }), { N: 9, NQ: 9, ...shape }, 0, h, 8, 8 - distance);
  // Columns are query heads, then kv heads.
  expect([0, 1, 2, 3].map((h) => see({ heads: 4, kvHeads: 2 }, h, 2))).toEqual([false, false, true, true]);
  expect([0, 2, 4, 6].map((h) => see({ heads: 8, kvHeads: 4 }, h, 2))).toEqual([false, false, true, true]);
  expect(compile(program, { files }).diagnostics.map((d) => d.code)).toEqual(["ATTN3007"]);
});
