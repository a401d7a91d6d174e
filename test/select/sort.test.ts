import fc from "fast-check";
import { expect, test } from "vitest";
import { wordsOf } from "../../compiler/mask/layout/orders.js";
import { interpretSelections } from "../../compiler/select/interpret.js";
import { lowerSelections } from "../../compiler/select/lower.js";
import { verifySelectionProgram } from "../../compiler/select/verify.js";
import { orderFault, orderRows } from "../../runtime/verify/selection-order.js";
import { attention, moduleOf } from "../semantics/compile.js";

const SEGMENT = 32;
const [BATCH, HEADS, KV_HEADS] = [2, 4, 2];
const module = moduleOf(
  attention(`shape heads: 4, kv_heads: 2, dim: 4\nlayout permute(k: sort(sum(k, over: dim), segment: ${SEGMENT}))\nattend q - k < 9`),
);
const program = lowerSelections(module)!;

/** Few values, so that many are alike, and some that are no numbers. */
const keys = fc.array(fc.constantFrom(-1, 0, 1, 2, NaN), { minLength: 1, maxLength: 90 });

/** By the rule of the language reference, place by place. */
function slowOrder(scores: readonly number[]): readonly number[] {
  const left = new Set(scores.keys());
  const before = (a: number, b: number): boolean => {
    if (Math.floor(a / SEGMENT) !== Math.floor(b / SEGMENT)) return a < b;
    if (Number.isNaN(scores[a]) || Number.isNaN(scores[b]))
      return Number.isNaN(scores[a]) === Number.isNaN(scores[b]) ? a < b : !Number.isNaN(scores[a]);
    return scores[a]! > scores[b]! || (scores[a] === scores[b] && a < b);
  };
  return scores.map(() => {
    const next = [...left].find((a) => [...left].every((b) => a === b || before(a, b)))!;
    left.delete(next);
    return next;
  });
}

function sorted(scores: readonly number[]): { readonly order: Int32Array; readonly words: Int32Array } {
  const N = scores.length;
  const k = new Float32Array(BATCH * KV_HEADS * N * 4);
  // The second entry and head have the same keys backwards.
  for (let i = 0; i < BATCH * KV_HEADS; i++) scores.forEach((score, j) => (k[(i * N + (i % 2 === 0 ? j : N - 1 - j)) * 4] = score));
  const q = new Float32Array(BATCH * HEADS * N * 4);
  const made = interpretSelections(program, { env: { N, NQ: N, heads: HEADS, kvHeads: KV_HEADS }, batch: BATCH, headDim: 4, q, k });
  const bits = made["order_k"]!;
  expect([bits.heads, bits.rows, bits.columns]).toEqual([KV_HEADS, orderRows(N), 32]);
  return { order: wordsOf(bits, N), words: wordsOf(bits, orderRows(N)) };
}

test("keys are sorted within their segments: falling, ties by position, what is no number last", () => {
  expect(verifySelectionProgram(program)).toEqual([]);
  fc.assert(
    fc.property(keys, (scores) => {
      const N = scores.length;
      const { order } = sorted(scores);
      expect([...order.subarray(0, N)]).toEqual(slowOrder(scores));
      expect([...order.subarray(N, 2 * N)]).toEqual(slowOrder(scores.toReversed()));
    }),
    { numRuns: 40 },
  );
});

test("an order is right where only scores closer than their rounding are swapped", () => {
  fc.assert(
    fc.property(keys, fc.nat(), fc.constantFrom(0, 0.125), (scores, at, slack) => {
      const N = scores.length;
      const { words } = sorted(scores);
      const own = words.slice(0, orderRows(N));
      const expected = {
        ...({ kind: "order", name: "order_k", segment: SEGMENT } as const),
        scoresOf: () => ({ scores: [Float64Array.from(scores), Float64Array.from(scores)], slack: new Float64Array(N).fill(slack) }),
      };
      const fault = () => orderFault(expected, 0, 0, (row) => own[row]!);
      expect(fault()).toBeUndefined();
      // Two neighbours change places; the least and the greatest of their 32 places are told anew.
      const place = at % Math.max(1, N - 1);
      const [a, b] = [own[place]!, own[place + 1]!];
      if (N < 2 || Math.floor(place / 32) !== Math.floor((place + 1) / 32)) return;
      [own[place], own[place + 1]] = [b, a];
      // Of exact scores every order but the one is wrong; with a band of 2 * slack equal ones may be swapped.
      const mayDiffer = slack > 0 && scores[a] === scores[b];
      expect(fault() === undefined).toBe(mayDiffer);
      own[place + 1] = b;
      expect(fault()?.place).toBe(place + 1);
    }),
    { numRuns: 60 },
  );
});
