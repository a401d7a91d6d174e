import { expect, test } from "vitest";
import { evaluateMask } from "../../compiler/mask/evaluate.js";
import { attention, moduleOf } from "../semantics/compile.js";

/** NATTEN's rule for one axis, as its reference mask computes it, step by step. */
function visible(length: number, q: number, k: number, window: number, stride: number, dilation: number, causal: boolean): boolean {
  const group = q % dilation;
  if (k % dilation !== group) return false;
  const rest = dilation - (length % dilation);
  const groupLength = Math.floor(length / dilation) + (1 - Math.floor((group + rest) / dilation));
  const i = Math.floor(q / dilation);
  const j = Math.floor(k / dilation);
  const left = Math.floor(window / 2);
  const right = Math.floor(window / 2) + ((window % 2) - 1);
  const shared = Math.floor(i / stride) * stride;
  if (causal) {
    const leader = Math.min(shared + stride - 1, groupLength - 1);
    return j >= Math.max(leader - left - right, 0) && j < Math.min(i + 1, groupLength);
  }
  const leader = Math.min(shared + Math.floor(stride / 2), groupLength - 1);
  const start = Math.max(leader - left, 0) + (leader + right >= groupLength ? groupLength - right - leader - 1 : 0);
  return j >= start && j < start + window;
}

const env = (length: number) => ({ N: length, NQ: length, heads: 8, kvHeads: 8, params: { x: length, y: length } });

test("near on one axis is NATTEN's rule for every small size", () => {
  for (let length = 1; length <= 11; length++) {
    for (let dilation = 1; dilation <= 3; dilation++) {
      for (let window = 1; window * dilation <= length; window++) {
        for (let stride = 1; stride <= window; stride++) {
          for (const causal of [false, true]) {
            const term = `near(x, window: ${window}, stride: ${stride}, dilation: ${dilation}, causal: ${causal})`;
            const module = moduleOf(attention(`attend ${term}`, { space: `grid(x: ${length})` }));
            for (let q = 0; q < length; q++) {
              for (let k = 0; k < length; k++) {
                const expected = visible(length, q, k, window, stride, dilation, causal);
                if (evaluateMask(module, env(length), 0, 0, q, k) !== expected)
                  expect.fail(`${term} of ${length}, q ${q}, k ${k}: not ${expected}`);
              }
            }
          }
        }
      }
    }
  }
}, 30_000);

test("an extent given at run time makes no difference", () => {
  const fixed = moduleOf(attention("attend near(y, window: 3) & near(x, window: 4, stride: 2)", { space: "grid(y: 5, x: 5)" }));
  const runtime = moduleOf(attention("attend near(y, window: 3) & near(x, window: 4, stride: 2)", { space: "grid(y: ?, x: ?)" }));
  const at = { ...env(5), N: 25, NQ: 25 };
  for (let q = 0; q < 25; q++) {
    for (let k = 0; k < 25; k++) {
      expect(evaluateMask(runtime, at, 0, 0, q, k)).toBe(evaluateMask(fixed, at, 0, 0, q, k));
    }
  }
});

test("tokens behind the grid are near nothing", () => {
  const module = moduleOf(attention("attend near(x, window: 3)", { space: "grid(x: 4) + text(2)" }));
  const rows = [0, 1, 2, 3, 4, 5].map((q) => [0, 1, 2, 3, 4, 5].filter((k) => evaluateMask(module, env(6), 0, 0, q, k)));
  expect(rows).toEqual([[0, 1, 2], [0, 1, 2], [1, 2, 3], [1, 2, 3], [], []]);
});
