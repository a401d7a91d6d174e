import { expect, test } from "vitest";
import * as m from "../../compiler/mask/make.js";
import type { BoolExpr, MaskModule } from "../../compiler/mask/ir.js";
import { verifyMask } from "../../compiler/mask/verify.js";
import { moduleOf } from "./arbitrary.js";

test.each<[BoolExpr, string]>([
  [m.lt(m.param("nope"), m.k), "parameter nope is not declared"],
  [m.lt(m.scalar(5), m.k), "scalar 5 is not declared"],
  [m.and(), "an empty and"],
  [m.eq(m.load("map", m.q), m.k), "map is read as ids and is not"],
  [m.bit("doc", m.q, m.k), "doc is read as bits and is not"],
  [m.eq(m.div(m.q, m.int(0)), m.k), "the divisor 0 is not positive"],
  [m.eq(m.int(0.5), m.k), "0.5 is not an int32"],
])("a malformed mask is named (%#)", (mask, problem) => {
  expect(verifyMask(moduleOf(mask))).toEqual([problem]);
});

test.each<[Partial<MaskModule>, string]>([
  [{ shape: { heads: 3, kvHeads: 2, headDim: 8, valueDim: 8, dtype: "f32" } }, "2 kv heads do not divide 3 heads"],
  [{ space: { kind: "cross", causal: true, axes: [], segments: [] } }, "a cross space is causal"],
  [
    { space: { kind: "self", causal: false, axes: [{ name: "x", extent: "runtime" }], segments: [] } },
    "axis x has a runtime extent and no parameter",
  ],
  [{ tables: [{ name: "t", rows: 2, columns: 2, values: [1] }] }, "table t is not 2x2"],
])("a malformed module is named (%#)", (change, problem) => {
  expect(verifyMask({ ...moduleOf(m.bool(true)), ...change })).toEqual([problem]);
});
