import fc from "fast-check";
import { expect, test } from "vitest";
import { oracleSelections } from "../../compiler/oracle/oracle.js";
import { random } from "../../runtime/verify/random.js";
import { checkSelection, type SelectionCheck } from "../../runtime/verify/selection.js";
import type { ExpectedSelection } from "../../runtime/verify/selection-expected.js";
import { bodyOf, programOf } from "../oracle/programs.js";
import { makeBits, type SelectorFaults } from "./selector.js";

const sizes = { batch: 2, heads: 4, kvHeads: 2 };
const headDim = 8;

/** Numbers whose products and sums float32 holds exactly: equal scores are ties. */
const whole = (source: ReturnType<typeof random>) => source.integer(-2, 2);
const normal = (source: ReturnType<typeof random>) => source.normal();

interface Data {
  readonly N: number;
  readonly NQ: number;
  readonly seed: number;
  readonly value: (source: ReturnType<typeof random>) => number;
}

function expectedOf(select: string, { N, NQ, seed, value }: Data, space = "seq causal"): ExpectedSelection {
  const source = random(seed);
  const tensor = (count: number): Float32Array => Float32Array.from({ length: count * headDim }, () => value(source));
  const tensors = { headDim, q: tensor(sizes.batch * sizes.heads * NQ), k: tensor(sizes.batch * sizes.kvHeads * N) };
  const text = bodyOf(`space ${space}\nselect s {\n${select}\n}\nattend s`);
  const { heads, kvHeads } = sizes;
  return oracleSelections(programOf(text), "a", { N, NQ, heads, kvHeads, tensors }).get("s") as ExpectedSelection;
}

const check = (expected: ExpectedSelection, faults: SelectorFaults = {}, way = 1): SelectionCheck =>
  checkSelection(expected, makeBits(expected, sizes, faults, way), sizes);

const raw = "unit q: token, k: block(4)\nscore dot(q, mean(k))\n";
const soft = "unit q: block(8), k: block(8)\nscore softmax(dot(mean(q), mean(k)) * scale)\n";
const columns = "unit k: token\nscore sum(softmax(dot(q.last(16), k) * scale), over: q)\n";
const slashes = "unit diag: token\nscore sum(softmax(dot(q.last(16), k) * scale), over: diag)\n";
/** Of products below 0 that is NaN, of those below 1 it is below 0. */
const logs = "unit q: token, k: token\nscore log(dot(q, k))\n";
const scores = { raw, soft, columns, slashes };
const keeps = [
  "keep top(3)",
  "keep top(3)\nforce first(1)",
  "keep top(2) + forced\nforce first(1)",
  "keep top_p(0.8)",
  "keep top_p(0.8) min 2 max 4\nforce first(1)",
  "keep threshold(0.0625)",
  "keep threshold(0.0625) min 1 max 5",
  "keep fraction(0.3)\nforce first(2)",
  "keep top(9) over head",
  "keep top_p(0.6) over head\nforce first(1)",
];

test.each(Object.keys(scores) as (keyof typeof scores)[])("%s: float32 selectors with sums in any order pass", (name) => {
  for (const keep of keeps) {
    for (const [N, NQ] of [
      [70, 70],
      [70, 20],
      [3, 3],
      [33, 1],
    ] as const) {
      for (const value of [whole, normal]) {
        const expected = expectedOf(scores[name] + keep, { N, NQ, seed: N + NQ, value });
        for (const way of [1, 2]) expect(check(expected, {}, way), `${keep}, ${N} ${NQ}`).toMatchObject({ ok: true });
      }
    }
  }
});

test("masses beside NaN: float32 selectors pass", () => {
  for (const value of [whole, normal]) {
    const expected = expectedOf(`${logs}keep top_p(0.8)`, { N: 33, NQ: 20, seed: 5, value });
    for (const way of [1, 2]) expect(check(expected, {}, way)).toMatchObject({ ok: true });
  }
});

/** A fault, and a selection of which some data show it. */
const mutations: readonly (readonly [string, SelectorFaults, string, Data["value"]?])[] = [
  ["ties to the higher index", { tiesLast: true }, `${raw}keep top(3)`],
  ["ties to the higher index, by mass", { tiesLast: true }, `unit q: token, k: token\nscore max(dot(q, k), 0)\nkeep top_p(0.5)`],
  ["no forced units", { noForced: true }, `${soft}keep top(3)\nforce first(1)`, normal],
  ["forced units on top", { forcedOnTop: true }, `${soft}keep top(3)\nforce first(1)`, normal],
  ["one unit too many", { budgetMore: 1 }, `${soft}keep top(3)`, normal],
  ["one unit too few", { budgetMore: -1 }, `${raw}keep top(3)`, normal],
  ["a prefix that stops before the mass", { oneFewer: true }, `${columns}keep top_p(0.8)`, normal],
  ["a prefix that goes on after the mass", { oneMore: true }, `${columns}keep top_p(0.8)`, normal],
  ["a prefix of scores that may be NaN or below 0", { oneFewer: true }, `${logs}keep top_p(0.8)`, normal],
  ["units that causality forbids", { ignoresCandidates: true }, `${raw}keep top(3)`, normal],
  ["the worst instead of the best", { ascending: true }, `${slashes}keep top(5)`, normal],
  ["a budget a row instead of a head", { perRow: true }, `${soft}keep top(9) over head`, normal],
  ["a threshold that is not reached by itself", { strictThreshold: true }, `unit q: token, k: token\nscore dot(q, k)\nkeep threshold(3)`],
  ["no least number", { noBounds: true }, `${columns}keep top_p(0.01) min 5`, normal],
  ["no greatest number", { noBounds: true }, `${columns}keep threshold(0) max 5`, normal],
  ["tiles that snapped units touch too", { tilesLost: true }, `${slashes}keep top(5)\nsnap block(8)`, normal],
  ["tiles of fewer units", { budgetMore: -3 }, `${slashes}keep top(5)\nsnap block(8)`, normal],
];

test.each(mutations.map(([name, ...rest]) => [name, rest] as const))(
  "a selector with %s is caught",
  (_, [faults, select, value = whole]) => {
    const expected = expectedOf(select, { N: 70, NQ: 40, seed: 5, value });
    expect(check(expected)).toMatchObject({ ok: true });
    const result = check(expected, faults);
    expect(result).toMatchObject({ ok: false });
    expect(result.worst!.problem).not.toBe("");
  },
);

test("NaN that ranks first is caught", () => {
  const value: Data["value"] = (source) => (source.chance(0.01) ? NaN : source.normal());
  const expected = expectedOf(`${raw}keep top(3)`, { N: 70, NQ: 40, seed: 5, value });
  expect(check(expected)).toMatchObject({ ok: true });
  expect(check(expected, { nanFirst: true })).toMatchObject({ ok: false });
});

test("a failure names the unit that is out of place, and the one that belongs there", () => {
  const expected = expectedOf(`${raw}keep top(1)`, { N: 40, NQ: 1, seed: 3, value: normal });
  const { scores: [exact] } = expected.select(0, 0); // prettier-ignore
  const order = Array.from(exact!.keys()).sort((a, b) => exact![b]! - exact![a]!);
  const [best, second] = order as [number, number];
  const made = makeBits(expected, sizes);
  const words = Uint32Array.from(made.words);
  words[0] = 1 << second;
  const { worst } = checkSelection(expected, { ...made, words }, sizes);
  expect(worst).toMatchObject({ batch: 0, head: 0, row: 0, unit: second, other: best, score: exact![second], otherScore: exact![best] });
  expect(worst!.problem).toBe("keeps a unit that ranks below one that it leaves out");
});

test("scores that rounding cannot tell apart may be swapped, and are counted; others may not", () => {
  // Two keys that differ by less than a rounding of the sum, and one that differs by more.
  const text = bodyOf("space seq full\nselect s { unit q: token, k: token; score dot(q, k); keep top(1) }\nattend s");
  const q = Float32Array.of(0.1, 0.1, 0.1, 0.1);
  const k = Float32Array.of(0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, Math.fround(0.3) - 2 ** -25, 0.3, 0.3, 0.3, 0.29);
  const launch = { N: 3, NQ: 1, heads: 1, kvHeads: 1, tensors: { headDim: 4, q, k } };
  const expected = oracleSelections(programOf(text), "a", launch).get("s") as ExpectedSelection;
  const one = { batch: 1, heads: 1, kvHeads: 1 };
  const made = (words: number) => ({ ...one, rows: 1, columns: 3, words: Uint32Array.of(words) });
  expect(checkSelection(expected, made(0b001), one)).toMatchObject({ ok: true, swaps: 0, kept: 1 });
  expect(checkSelection(expected, made(0b010), one)).toMatchObject({ ok: true, swaps: 1 });
  expect(checkSelection(expected, made(0b100), one)).toMatchObject({ ok: false, worst: { unit: 2 } });
});

test("heads that no mask reads need no selection", () => {
  const expected = expectedOf(`${raw}keep top(3)`, { N: 40, NQ: 40, seed: 3, value: normal });
  const made = makeBits(expected, sizes);
  const words = Uint32Array.from(made.words).fill(0, 0, 40);
  expect(checkSelection(expected, { ...made, words }, sizes)).toMatchObject({ ok: false, worst: { batch: 0, head: 0 } });
  expect(checkSelection(expected, { ...made, words }, sizes, (b, h) => b > 0 || h > 0)).toMatchObject({ ok: true });
});

test("a matrix of another size, and bits behind the last unit, are caught", () => {
  const expected = expectedOf(`${raw}keep top(3)`, { N: 40, NQ: 40, seed: 3, value: normal });
  const made = makeBits(expected, sizes);
  expect(checkSelection(expected, { ...made, columns: 11 }, sizes)).toMatchObject({ ok: false });
  const words = Uint32Array.from(made.words);
  words[7]! |= 1 << 10;
  expect(checkSelection(expected, { ...made, words }, sizes)).toMatchObject({ ok: false });
});

test("flags may differ only where rounding decides", () => {
  const flag = (holds: boolean, sure: boolean, bit: number) =>
    checkSelection(
      { kind: "flag", name: "f", decide: () => ({ holds, sure }) },
      { batch: 1, heads: 1, rows: 1, columns: 1, words: Uint32Array.of(bit) },
      { batch: 1, heads: 1, kvHeads: 1 },
    ).ok;
  expect([flag(true, true, 1), flag(true, true, 0), flag(true, false, 0), flag(false, true, 1)]).toEqual([true, false, true, false]);
});

test("bands are a few roundings wide: random scores are hardly ever within them", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => {
      const expected = expectedOf(`${raw}keep top(3)`, { N: 64, NQ: 16, seed, value: normal });
      const made = makeBits(expected, sizes);
      // Exchange the weakest unit that is kept for the next one.
      const head = expected.select(0, 0);
      const row = Array.from({ length: head.columns }, (_, j) => ({ j, score: head.scores[0]![15 * head.columns + j]! }));
      row.sort((a, b) => b.score - a.score);
      const words = Uint32Array.from(made.words);
      words[15]! ^= (1 << row[2]!.j) | (1 << row[3]!.j);
      const near = row[2]!.score - row[3]!.score < 1e-5;
      expect(checkSelection(expected, { ...made, words }, sizes).ok).toBe(near);
    }),
    { numRuns: 10 },
  );
});
