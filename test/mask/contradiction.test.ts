import fc from "fast-check";
import { expect, it, test } from "vitest";
import { isEmpty } from "../../compiler/mask/contradiction.js";
import { compileMask } from "../../compiler/mask/compile.js";
import * as m from "../../compiler/mask/make.js";
import { printBool } from "../../compiler/mask/print.js";
import { moduleOf as moduleOfText } from "../semantics/compile.js";
import { BATCH, boolExpr, environment, moduleOf } from "./arbitrary.js";

it("never calls a mask empty that some pair satisfies", () => {
  let empty = 0;
  // A conjunction is what two branches are asked for; alone few masks are empty.
  const mask = fc.oneof(
    boolExpr(3),
    fc.tuple(boolExpr(3), boolExpr(2)).map(([a, b]) => m.and(a, b, m.not(a))),
    fc.tuple(boolExpr(2), boolExpr(2)).map((both) => m.and(...both)),
  );
  const property = fc.property(mask, environment(16), fc.nat(BATCH - 1), fc.nat(3), (expr, env, b, h) => {
    const module = moduleOf(expr);
    if (!isEmpty(module)) return;
    empty++;
    const looks = compileMask(module, env, b, h);
    for (let q = env.N - env.NQ; q < env.N; q++) {
      for (let k = 0; k < env.N; k++) if (looks(q, k)) expect.fail(`${printBool(expr)} at ${q}, ${k}`);
    }
  });
  fc.assert(property, { numRuns: 3000 });
  expect(empty).toBeGreaterThan(500);
});

const attention = (mask: string, space = "seq causal", params = "") =>
  `attention a${params} { space ${space}; input doc : ids; input map : bits(q, k); attend (${mask}) & (doc[q] == doc[q] | map) }`;

test.each([
  ["a window and the rest", "q - k < 64 & !(q - k < 64)"],
  ["a window and what is left of it", "q - k < 64 & q - k >= 64"],
  ["a window and far sinks", "q - k < 64 & (k < 4 & q - k > 100)"],
  ["sinks and a window that starts behind them", "k < 4 & (q - k < 64 & k >= 4)"],
  ["two blocks of a fixed size", "q / 64 == k / 64 & q / 64 - k / 64 >= 1"],
  ["the block of the query and what is further away than a block", "q / 64 == k / 64 & q - k >= 64"],
  ["prefix and suffix", "k < 100 & 100 <= k"],
  ["remainders", "k % 4 == 1 & k % 4 == 2"],
  ["an input and its complement", "map & !map"],
  ["the same and other documents", "doc[q] == doc[k] & doc[q] != doc[k]"],
  ["earlier and later documents", "doc[q] < doc[k] & doc[k] < doc[q]"],
  ["the past and the future", "k < q & k > q"],
  ["distances on both sides", "abs(q - k) < 4 & abs(q - k) >= 4"],
  ["a distance and a side", "abs(q - k) < 4 & q - k > 10"],
  ["causality and the future", "k > q"],
  ["heads", "h < 4 & h >= 4"],
  ["by layer", "(q - k < 8 if layer < 4 else none) & layer >= 6"],
  ["a choice and its other side", "(k < 8 if h < 4 else k >= 8) & (k >= 8 if h < 4 else k < 8)"],
  ["beyond the end", "k >= N"],
  ["more queries than keys", "NQ > N"],
])("%s have no pair in common", (_, mask) => {
  expect(isEmpty(moduleOfText(attention(mask)))).toBe(true);
});

test("a runtime parameter is any number", () => {
  const params = "(w: runtime = 8, v: runtime = 9)";
  expect(isEmpty(moduleOfText(attention("q - k < w & q - k >= max(w, v)", "seq causal", params)))).toBe(true);
  expect(isEmpty(moduleOfText(attention("q - k < w & q - k >= v", "seq causal", params)))).toBe(false);
});

test.each([
  ["neighbouring blocks", "q / 64 == k / 64 & q - k >= 63"],
  ["remainders that meet", "k % 4 == 1 & k % 6 == 1"],
  ["a sink and a window", "k < 4 & q - k < 128"],
  ["two inputs", "map & doc[q] == doc[k]"],
])("%s may have", (_, mask) => {
  expect(isEmpty(moduleOfText(attention(mask)))).toBe(false);
});
