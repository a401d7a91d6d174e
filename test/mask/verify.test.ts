import { expect, test } from "vitest";
import * as m from "../../compiler/mask/make.js";
import type { BoolExpr, MaskModule } from "../../compiler/mask/ir.js";
import { verifyMask } from "../../compiler/mask/verify.js";
import type { Selection, Tensor } from "../../compiler/mask/selection.js";
import { attention, moduleOf as compiled } from "../semantics/compile.js";
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

const chosen = compiled(
  attention("select c { unit q: block(4), k: block(4); score dot(mean(q), mean(k)); keep top(2); force first(1) }\nattend c"),
);
const selection = chosen.selections![0] as Selection;
const keysOf = (unit: number): Tensor => ({
  kind: "size",
  axes: { heads: "one", dim: false, columns: { kind: "keys", unit, stride: unit } },
});

test.each<[string, Partial<MaskModule> | Partial<Selection>, readonly string[]]>([
  ["what the mask reads is there", { selections: [] }, ["c is read as bits and is not"]],
  ["names are different", { selections: [selection, selection] }, ["an input or selection is declared twice"]],
  ["columns are those of the score", { columns: { kind: "keys", unit: 8 } }, ["c: other columns than its score"]],
  ["rows are those of the score", { rows: { unit: 8 } }, ["c: other rows than its score"]],
  ["sizes are sizes", { snap: 0.5 }, ["c: a size is 0.5"]],
  ["heads are shared", { heads: "kv" }, ["c: its tensor has query heads, it has kv"]],
  ["amounts are those of a head", { force: { first: m.q, onTop: false } }, ["c: an amount differs in a head"]],
  ["units of operands are the same", { score: sumOf(keysOf(4), keysOf(2)) }, ["a tensor add: other axes than its parts"]],
])("%s", (_, change, problems) => {
  const module = "selections" in change ? { ...chosen, ...change } : { ...chosen, selections: [{ ...selection, ...change }] };
  expect(verifyMask(module as MaskModule)).toEqual(problems);
});

function sumOf(a: Tensor, b: Tensor): Tensor {
  return { kind: "add", a, b, axes: a.axes };
}
