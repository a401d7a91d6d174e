import fc from "fast-check";
import ts from "typescript";
import { expect, test } from "vitest";
import { printHelper, usedHelpers } from "../../compiler/bindings/host-js.js";
import { printReuse } from "../../compiler/bindings/reuse-js.js";
import type { BoolExpr, HostExpr, IntExpr, MaskModule } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { reuseRules } from "../../compiler/mask/reuse.js";
import type { Selection } from "../../compiler/mask/selection.js";
import type { ScalarEnv } from "../../runtime/launch/module.js";
import { moduleOf } from "../mask/arbitrary.js";

const third: HostExpr = { kind: "divide", a: { kind: "var", name: "layers" }, b: { kind: "number", value: 3 } };
const SCALARS = [{ expr: third, note: "layers / 3" }];

const leaf: fc.Arbitrary<IntExpr> = fc.oneof(
  fc.integer({ min: -9, max: 9 }).map(m.int),
  fc.constantFrom("layer", "layers", "step", "steps", "phase", "N", "NQ" as const).map(m.variable),
  fc.constantFrom("w", "g").map(m.param),
  fc.constant(m.scalar(0)),
);

function int(depth: number): fc.Arbitrary<IntExpr> {
  if (depth === 0) return leaf;
  const a = int(depth - 1);
  const divisor = a.map((x) => m.max(x, m.int(1)));
  return fc.oneof(
    leaf,
    fc.tuple(fc.constantFrom("add", "sub", "mul", "min", "max"), a, a).map(([kind, x, y]): IntExpr => ({ kind, a: x, b: y })),
    fc.tuple(fc.constantFrom("div", "mod"), a, divisor).map(([kind, x, y]): IntExpr => ({ kind, a: x, b: y })),
    fc.tuple(fc.constantFrom("neg", "abs"), a).map(([kind, x]): IntExpr => ({ kind, a: x })),
    fc.tuple(bool(depth - 1), a, a).map(([cond, x, y]): IntExpr => ({ kind: "select", cond, a: x, b: y })),
  );
}

function bool(depth: number): fc.Arbitrary<BoolExpr> {
  const compare = fc
    .tuple(fc.constantFrom("lt", "le", "eq", "ne"), int(depth), int(depth))
    .map(([op, a, b]): BoolExpr => ({ kind: "compare", op, a, b }));
  if (depth === 0) return fc.oneof(compare, fc.boolean().map(m.bool));
  const a = bool(depth - 1);
  return fc.oneof(
    compare,
    fc.tuple(fc.constantFrom("and", "or"), fc.array(a, { maxLength: 3 })).map(([kind, items]): BoolExpr => ({ kind, items })),
    a.map((x): BoolExpr => ({ kind: "not", a: x })),
    fc.tuple(a, a, a).map(([cond, x, y]): BoolExpr => ({ kind: "choose", cond, a: x, b: y })),
    int(depth - 1).map((x): BoolExpr => ({ kind: "pow2", a: x })),
  );
}

const axes = { heads: "kv", dim: false } as const;
const selection = (name: string, reuse: Selection["reuse"]): Selection => ({
  ...{ kind: "selection", name, heads: "kv" },
  columns: { kind: "keys", unit: 1 },
  score: { axes, kind: "number", value: 1 },
  keep: { rule: { kind: "top", n: m.int(1) }, scope: "row" },
  reuse,
});

function fromText(module: MaskModule): (env: ScalarEnv) => unknown {
  const text = [
    ...usedHelpers(module.scalars).map((helper) => printHelper(helper, helper)),
    `return ${printReuse(module, { env: "env", table: String, helper: (helper) => helper })};`,
  ].join("\n");
  const js = ts.transpileModule(text, { compilerOptions: { target: ts.ScriptTarget.ES2022 } }).outputText;
  return new Function(js)() as (env: ScalarEnv) => unknown;
}

test("printed rules of reuse and the evaluated ones agree", () => {
  const env = fc.record({ layer: fc.nat(40), layers: fc.integer({ min: 1, max: 40 }), step: fc.nat(50), w: fc.nat(9), g: fc.nat(9) });
  fc.assert(
    fc.property(bool(2), int(1), env, (at, steps, { layer, layers, step, w, g }) => {
      const module: MaskModule = {
        ...moduleOf(m.bool(true)),
        scalars: SCALARS,
        selections: [
          selection("a", { kind: "layers", at }),
          selection("b", { kind: "every", steps: m.max(steps, m.int(1)) }),
          selection("c", undefined),
          { kind: "flag", name: "d", heads: "kv", value: { axes, kind: "number", value: 1 } },
        ],
      };
      const at0: ScalarEnv = { h: 0, kvh: 0, N: 100, NQ: 7, layer, layers, step, steps: 50, phase: 1, params: { w, g } };
      const rules = reuseRules(module)!(at0);
      expect(fromText(module)(at0)).toEqual(rules);
      expect(rules.slice(2)).toEqual(["made", "made"]);
      expect(["made", "given"]).toContain(rules[0]);
      expect(["made", "either"]).toContain(rules[1]);
    }),
    { numRuns: 300 },
  );
});

test("layers that make a selection, and steps between two that do", () => {
  const layer = m.variable("layer");
  const module: MaskModule = {
    ...moduleOf(m.bool(true)),
    selections: [
      selection("a", { kind: "layers", at: m.or(m.eq(layer, m.int(2)), m.eq(layer, m.int(13))) }),
      selection("b", { kind: "every", steps: m.int(4) }),
    ],
  };
  const rules = (at: number, step: number) =>
    reuseRules(module)!({ h: 0, kvh: 0, N: 9, NQ: 1, layer: at, layers: 32, step, steps: 9, phase: 0, params: {} });
  expect([0, 2, 3, 13].map((at) => rules(at, 1)[0])).toEqual(["given", "made", "given", "made"]);
  expect([0, 1, 3, 4, 8].map((step) => rules(2, step)[1])).toEqual(["made", "either", "either", "made", "made"]);
});

test("without reuse there are no rules", () => {
  expect(reuseRules({ ...moduleOf(m.bool(true)), selections: [selection("a", undefined)] })).toBeUndefined();
  expect(reuseRules(moduleOf(m.bool(true)))).toBeUndefined();
});
