import fc from "fast-check";
import ts from "typescript";
import { expect, test } from "vitest";
import { printHelper, printScalar, usedHelpers } from "../../compiler/bindings/host-js.js";
import { evaluateHost, toScalar } from "../../compiler/mask/evaluate.js";
import type { HostExpr, HostScalar, Table } from "../../compiler/mask/ir.js";
import { fixedCounts, scalarEvaluator } from "../../compiler/targets/manifest.js";
import type { ScalarEnv } from "../../runtime/launch/module.js";
import { moduleOf } from "../mask/arbitrary.js";
import * as m from "../../compiler/mask/make.js";

const TABLES: readonly Table[] = [
  { name: "alpha", rows: 2, columns: 4, values: [0.25, -3, 1e9, 0.5, -0.75, 7, 12.5, 0] },
  { name: "beta", rows: 1, columns: 2, values: [3, -4] },
];

const unary = ["neg", "abs", "not", "log", "exp", "tanh", "floor", "ceil"] as const;
const binary = ["add", "sub", "mul", "divide", "floordiv", "mod", "min", "max", "lt", "le", "eq", "ne", "and", "or"] as const;
const variables = ["h", "kvh", "N", "NQ", "layer", "layers", "step", "steps", "phase"] as const;

const { expr } = fc.letrec<{ expr: HostExpr }>((tie) => ({
  expr: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(
      fc.constantFrom(0, 1, -1, 0.5, -0, 1e12, Infinity, -Infinity, NaN).map((value): HostExpr => ({ kind: "number", value })),
      fc.integer({ min: -50, max: 50 }).map((value): HostExpr => ({ kind: "number", value })),
      fc.constantFrom(...variables).map((name): HostExpr => ({ kind: "var", name })),
      fc.constantFrom("w", "g").map((name): HostExpr => ({ kind: "param", name })),
    ),
    fc.record({ kind: fc.constantFrom(...unary), a: tie("expr") }),
    fc.record({ kind: fc.constantFrom(...binary), a: tie("expr"), b: tie("expr") }),
    fc.record({ kind: fc.constantFrom(...binary), a: tie("expr"), b: tie("expr") }),
    fc.record({ kind: fc.constant("select" as const), cond: tie("expr"), a: tie("expr"), b: tie("expr") }),
    fc.record({
      kind: fc.constant("table" as const),
      table: fc.constantFrom(0, 1),
      row: fc.integer({ min: -2, max: 5 }).map((value): HostExpr => ({ kind: "number", value })),
      column: fc.constantFrom<HostExpr>({ kind: "var", name: "h" }, { kind: "number", value: 0.5 }),
    }),
  ),
}));

function fromText(scalar: HostScalar): (env: ScalarEnv) => number {
  const names = { env: "env", table: (index: number) => `table${index}`, helper: (helper: string) => helper };
  const rows = (table: Table): string => {
    const cells = Array.from({ length: table.rows }, (_, r) => table.values.slice(r * table.columns, (r + 1) * table.columns));
    return JSON.stringify(cells);
  };
  const text = [
    ...TABLES.map((table, i) => `const table${i} = ${rows(table)};`),
    ...usedHelpers([scalar]).map((helper) => printHelper(helper, helper)),
    `return (env) => ${printScalar(scalar, names)};`,
  ].join("\n");
  const js = ts.transpileModule(text, { compilerOptions: { target: ts.ScriptTarget.ES2022 } }).outputText;
  return new Function(js)() as (env: ScalarEnv) => number;
}

test("a printed scalar, a compiled one and the evaluator agree on every host expression", () => {
  const environments = fc.record({
    N: fc.integer({ min: 1, max: 5000 }),
    h: fc.nat(3),
    layer: fc.nat(3),
    step: fc.nat(9),
    w: fc.double(),
    g: fc.nat(9),
  });
  fc.assert(
    fc.property(expr, environments, fc.constantFrom(undefined, "f32" as const), (e, { N, h, layer, step, w, g }, as) => {
      const module = { ...moduleOf(m.bool(true)), tables: TABLES, scalars: [{ expr: e, note: "", as }] };
      const shared = { N, NQ: 3, layer, layers: 4, step, steps: 10, phase: 1, params: { w, g } };
      const env: ScalarEnv = { ...shared, h, kvh: Math.floor(h / 2) };
      const value = evaluateHost(e, module, { ...shared, heads: 4, kvHeads: 2 }, h);
      const expected = as === undefined ? toScalar(value) : value;
      expect(scalarEvaluator(module)(env)).toEqual([expected]);
      expect(fromText(module.scalars[0]!)(env)).toBe(expected);
    }),
    { numRuns: 400 },
  );
});

test("tables fix the head and layer counts that index them", () => {
  const read = (table: number, row: HostExpr, column: HostExpr): HostScalar => ({
    note: "",
    expr: { kind: "neg", a: { kind: "table", table, row, column } },
  });
  const layer: HostExpr = { kind: "var", name: "layer" };
  const module = { ...moduleOf(m.bool(true)), tables: TABLES };
  expect(fixedCounts({ ...module, scalars: [read(0, layer, { kind: "var", name: "h" })] })).toEqual({ layers: 2, heads: 4 });
  expect(fixedCounts({ ...module, scalars: [read(1, { kind: "number", value: 0 }, { kind: "var", name: "kvh" })] })).toEqual({
    kvHeads: 2,
  });
  expect(fixedCounts({ ...module, scalars: [read(1, layer, { kind: "number", value: 1 })] })).toEqual({});
});
