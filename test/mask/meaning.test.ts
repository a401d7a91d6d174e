import { expect, test } from "vitest";
import { evaluateMask, type MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { attention, moduleOf, type CompileOptions } from "../semantics/compile.js";

const env = (extra: Partial<MaskEnv> = {}): MaskEnv => ({
  N: 12,
  NQ: 12,
  heads: 8,
  kvHeads: 8,
  layer: 1,
  layers: 4,
  step: 1,
  steps: 8,
  ...extra,
});

/** The pairs of a program that differ from a predicate in plain code. */
function differences(
  text: string,
  expected: (q: number, k: number, h: number) => boolean,
  extra: Partial<MaskEnv> = {},
  options: CompileOptions = {},
) {
  const module: MaskModule = moduleOf(text, options);
  const at = env(extra);
  const wrong: string[] = [];
  for (let h = 0; h < at.heads; h += 3) {
    const first = module.space.kind === "self" ? at.N - at.NQ : 0;
    for (let q = first; q < first + at.NQ; q++) {
      for (let k = 0; k < at.N; k++) {
        if (evaluateMask(module, at, 0, h, q, k) !== expected(q, k, h)) wrong.push(`h ${h} q ${q} k ${k}`);
      }
    }
  }
  return wrong;
}

const full = { space: "seq full" };

test("causal spaces see no later key, and others may", () => {
  expect(differences(attention("attend all"), (q, k) => k <= q)).toEqual([]);
  expect(differences(attention("attend all", full), () => true)).toEqual([]);
});

test("mask terms", () => {
  expect(differences(attention("attend first(3)", full), (_, k) => k < 3)).toEqual([]);
  expect(differences(attention("attend last(3)", full), (_, k) => k >= 9)).toEqual([]);
  expect(differences(attention("attend local(3)", full), (q, k) => Math.abs(q - k) < 3)).toEqual([]);
  expect(differences(attention("attend local(3)"), (q, k) => q - k < 3 && k <= q)).toEqual([]);
  expect(differences(attention("attend current", full), (q, k) => q === k)).toEqual([]);
});

test("division floors and the remainder is not negative", () => {
  expect(differences(attention("attend (k - q) / 4 == -1 & (k - q) % 4 > 1", full), (q, k) => q - k <= 2 && q - k >= 1)).toEqual([]);
});

test.each(["<", "<=", ">", ">=", "==", "!="])("a position %s a float is as in real numbers", (op) => {
  const compare = (a: number, b: number): boolean =>
    op === "<" ? a < b : op === "<=" ? a <= b : op === ">" ? a > b : op === ">=" ? a >= b : op === "==" ? a === b : a !== b;
  for (const factor of [0.25, 0.3, 0.5, -0.1]) {
    expect(differences(attention(`attend k ${op} ${factor} * N`, full), (_, k) => compare(k, factor * 12))).toEqual([]);
    expect(differences(attention(`attend ${factor} * N ${op} k`, full), (_, k) => compare(factor * 12, k))).toEqual([]);
  }
});

test("what the host computes per head", () => {
  expect(differences(attention("attend q - k < floor(h * 0.5) + 1", full), (q, k, h) => q - k < Math.floor(h / 2) + 1)).toEqual([]);
  expect(differences(attention("attend k < 4 if 0.1 * layer < 0.2 else none", full), (_, k) => k < 4)).toEqual([]);
  expect(
    differences(attention("attend pow2(q - k) & k < clamp(log(N), 0.5, 2.25)", full), (q, k) => [1, 2, 4, 8].includes(q - k) && k < 2.25),
  ).toEqual([]);
});

test("coordinates and segments", () => {
  const grid = { space: "grid(y: 2, x: 5) + text(2)" };
  const y = (i: number): number => Math.floor(i / 5) % 2;
  expect(differences(attention("attend q.y == k.y & q.x <= k.x", grid), (q, k) => y(q) === y(k) && q % 5 <= k % 5)).toEqual([]);
  expect(differences(attention("attend text", grid), (q, k) => q >= 10 || k >= 10)).toEqual([]);
  expect(differences(attention("attend q in grid & k in text", grid), (q, k) => q < 10 && k >= 10)).toEqual([]);
  const tail = { space: "seq + a(3) + b(2) full" };
  expect(
    differences(
      attention("attend q in a & k in b | k in seq & q in seq", tail),
      (q, k) => (q >= 7 && q < 10 && k >= 10) || (q < 7 && k < 7),
    ),
  ).toEqual([]);
});

test("fewer queries than keys stand at the end, and their rows of bits count from 0", () => {
  const data = Uint8Array.from({ length: 3 * 12 }, (_, i) => (i % 5 === 0 ? 1 : 0));
  const inputs = { m: { kind: "bits" as const, batch: 1, heads: 1, rows: 3, columns: 12, data } };
  const expected = (q: number, k: number): boolean => data[(q - 9) * 12 + k] === 1;
  expect(differences(attention("input m : bits(q, k)\nattend m", full), expected, { NQ: 3, inputs })).toEqual([]);
  expect(differences(attention("input m : bits(q, k)\nattend m[q, k]", full), expected, { NQ: 3, inputs })).toEqual([]);
});

test("the first case of an assign that holds decides", () => {
  const text = attention("assign {\n when h < 4 -> k < 2\n when h < 7 -> k < 4\n else -> none\n}", full);
  expect(differences(text, (_, k, h) => (h < 4 ? k < 2 : h < 7 ? k < 4 : false))).toEqual([]);
});

test("each phase has its own mask", () => {
  const text = attention("phase a, b, c\nassign a { else -> k < 1 }\nassign c { else -> k < 3 }\nassign b { else -> k < 2 }", full);
  for (const phase of [0, 1, 2]) expect(differences(text, (_, k) => k < phase + 1, { phase })).toEqual([]);
});

test("patterns are put in with their arguments, and their names are their own", () => {
  const pattern = "pattern p(n = 2, m = n + 1) {\n  let d = q - k\n  attend d < n | k < m\n}\n";
  const text = pattern + attention("let d = 5\nattend p(m: 1) | p(d) & k > d", full);
  expect(differences(text, (q, k) => q - k < 2 || k < 1 || ((q - k < 5 || k < 6) && k > 5))).toEqual([]);
});

test("an integer where a float is meant divides as a float", () => {
  const pattern = "pattern p(part = 0.5) {\n  attend k < 10 / part\n}\n";
  expect(differences(pattern + attention("attend p(4)", full), (_, k) => k < 2.5)).toEqual([]);
  expect(differences(attention("attend k < 9 / (2 if true else 0.5)", full), (_, k) => k < 4.5)).toEqual([]);
});

test("a table of patterns gives each layer and head its own", () => {
  const text =
    "pattern p(n = 2) {\n  attend q - k < n\n}\npattern r {\n  attend k < 3\n}\n" +
    attention('table best = json("b.json")\nassign best { p, r }', full);
  const files = { "b.json": '[["p", "r", "p", "p"], [["p", 5], {"pattern": "p", "args": {"n": 7}}, "r", "p"]]' };
  const expected = (q: number, k: number, h: number): boolean => [q - k < 5, q - k < 7, k < 3, q - k < 2][Math.floor(h / 2)]!;
  expect(differences(text, expected, { kvHeads: 4 }, { files, settings: { shape: { kvHeads: 4 } } })).toEqual([]);
});
