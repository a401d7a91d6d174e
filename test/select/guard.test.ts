import { expect, test } from "vitest";
import type { BitsValue } from "../../compiler/mask/evaluate.js";
import { interpretSelections } from "../../compiler/select/interpret.js";
import { lowerSelections } from "../../compiler/select/lower.js";
import type { SelectionCall } from "../../compiler/select/memory.js";
import { verifySelectionProgram } from "../../compiler/select/verify.js";
import { readWord, writeWord } from "../../compiler/select/words.js";
import { random } from "../../runtime/verify/random.js";
import { guarded, UNIT } from "./guarded.js";

const [HEADS, DIM, BATCH] = [4, 8, 2];
const GROUPS = { "": HEADS, kvh: 2, heads: 1 } as const;

function callOf(N: number, NQ: number, seed: number): SelectionCall {
  const next = random(seed);
  const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => next.integer(-3, 3));
  const env = { N, NQ, heads: HEADS, kvHeads: 2 };
  return { env, batch: BATCH, headDim: DIM, q: numbers(BATCH * HEADS * NQ * DIM), k: numbers(BATCH * 2 * N * DIM) };
}

/** Another call, in which every other unit of queries has the queries of the first, but for a little. */
function nextOf(call: SelectionCall, seed: number): SelectionCall {
  const { N, NQ } = call.env;
  const next = callOf(N, NQ, seed);
  const isLike = (i: number): boolean => Math.floor((N - NQ + (Math.floor(i / DIM) % NQ)) / UNIT) % 2 === 1;
  return { ...next, q: next.q.map((x, i) => (isLike(i) ? call.q[i]! + x / 8 : x)) };
}

/** The mean query of a unit, in float32, of one head. */
function meanQuery({ env: { N, NQ }, q }: SelectionCall, b: number, h: number, row: number): readonly number[] {
  const first = N - NQ;
  const own = Array.from({ length: NQ }, (_, i) => i).filter((i) => Math.floor((first + i) / UNIT) - Math.floor(first / UNIT) === row);
  return Array.from({ length: DIM }, (_, d) => {
    const sum = own.reduce((all, i) => Math.fround(all + q[((b * HEADS + h) * NQ + i) * DIM + d]!), 0);
    return Math.fround(sum / own.length);
  });
}

const wordsOf = ({ heads, rows, columns, data }: BitsValue, b: number, h: number, row: number): readonly number[] =>
  Array.from({ length: DIM }, (_, d) => readWord(data, ((b * heads + h) * rows + row) * columns + d * 32));

const rowOf = ({ heads, rows, columns, data }: BitsValue, b: number, h: number, row: number): readonly number[] => {
  const start = ((b * heads + h) * rows + row) * columns;
  return [...data.subarray(start, start + columns)];
};

const sumOf = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

for (const group of ["", "kvh", "heads"] as const) {
  test(`rows stay while their queries are alike: ${group === "" ? "each head" : `over ${group}`}`, () => {
    const program = lowerSelections(guarded(group))!;
    expect(verifySelectionProgram(program)).toEqual([]);
    let [stayed, made] = [0, 0];
    for (const [i, [N, NQ]] of (
      [
        [23, 23],
        [30, 9],
        [17, 1],
      ] as const
    ).entries()) {
      const before = callOf(N, NQ, i);
      const now = nextOf(before, i + 50);
      const first = interpretSelections(program, before);
      // Choices that are not those of the queries, so that it shows which ones stay.
      const turned: BitsValue = { ...first.best!, data: first.best!.data.map((bit) => 1 - bit) };
      const given = { best: turned, best_query: first.best_query! };
      const [anew, found] = [interpretSelections(program, now), interpretSelections(program, { ...now, given })];
      const shared = GROUPS[group];
      for (let b = 0; b < BATCH; b++) {
        for (let head = 0; head < shared; head++) {
          const own = Array.from({ length: HEADS / shared }, (_, j) => head * (HEADS / shared) + j);
          for (let row = 0; row < turned.rows; row++) {
            const [old, fresh] = [before, now].map((call) => own.flatMap((h) => meanQuery(call, b, h, row))) as [number[], number[]];
            expect(own.flatMap((h) => wordsOf(first.best_query!, b, h, row))).toEqual(old);
            const cosine = sumOf(old, fresh) / Math.sqrt(sumOf(old, old) * sumOf(fresh, fresh));
            const stays = cosine >= 0.6;
            if (stays) stayed++;
            else made++;
            expect(rowOf(found.best!, b, head, row)).toEqual(rowOf(stays ? turned : anew.best!, b, head, row));
            expect(own.flatMap((h) => wordsOf(found.best_query!, b, h, row))).toEqual(stays ? old : fresh);
          }
        }
      }
      // What was given is the caller's, and is not written to.
      expect(turned.data).toEqual(first.best!.data.map((bit) => 1 - bit));
    }
    expect(Math.min(stayed, made)).toBeGreaterThan(0);
  });
}

/** Whether the one choice stays for a query when it was made for another. */
function stays(kept: readonly number[], query: readonly number[], cosine: number): boolean {
  const program = lowerSelections(guarded("heads", cosine))!;
  const vector = (numbers: readonly number[]): Float32Array =>
    Float32Array.from({ length: HEADS * DIM }, (_, i) => (i < numbers.length ? numbers[i]! : 0));
  const call = (numbers: readonly number[]): SelectionCall => ({
    env: { N: 40, NQ: 1, heads: HEADS, kvHeads: 2 },
    ...{ batch: 1, headDim: DIM, q: vector(numbers), k: new Float32Array(2 * 40 * DIM) },
  });
  const first = interpretSelections(program, call(kept));
  const best: BitsValue = { ...first.best!, data: first.best!.data.map(() => 1) };
  return interpretSelections(program, { ...call(query), given: { best, best_query: first.best_query! } }).best!.data.every(
    (bit) => bit === 1,
  );
}

test("at the border a choice stays; zero vectors and NaN are like nothing", () => {
  // A cosine of 3 / 5, and one a hair below it.
  expect(stays([1], [3, 4], 0.6)).toBe(true);
  expect(stays([1], [3, 4.0001], 0.6)).toBe(false);
  expect(stays([3, 4], [3, 4], 1)).toBe(true);
  expect(stays([3, 4], [-3, -4], 0)).toBe(false);
  expect(stays([1], [0, 1], 0)).toBe(false);
  expect(stays([1, 2], [1e-3, 2e-3], 0.99)).toBe(true);
  for (const nothing of [[], [NaN], [Infinity], [1e30]]) {
    expect(stays([1], nothing, 0.1)).toBe(false);
    expect(stays(nothing, [1], 0.1)).toBe(false);
    expect(stays(nothing, nothing, 0.1)).toBe(false);
  }
});

test("numbers are words of a matrix of bits, bit for bit", () => {
  const bits = new Uint8Array(96);
  for (const value of [0, -0, 1.5, -3e-39, 3e38, Infinity, -Infinity, NaN]) {
    writeWord(bits, 32, value);
    expect(readWord(bits, 32)).toBe(Math.fround(value));
    expect([...bits.subarray(0, 32), ...bits.subarray(64)].every((bit) => bit === 0)).toBe(true);
  }
});
