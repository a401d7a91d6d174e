import fc from "fast-check";
import { expect, test } from "vitest";
import { neighbours } from "../../compiler/oracle/near.js";
import { natten } from "../patterns/formula.js";
import { libraryProgram } from "../patterns/library.js";
import { oracleMask } from "../../compiler/oracle/oracle.js";

const rule = fc
  .record({
    window: fc.integer({ min: 1, max: 12 }),
    dilation: fc.integer({ min: 1, max: 4 }),
    causal: fc.boolean(),
    more: fc.nat(25),
    strideSeed: fc.nat(11),
  })
  .map(({ window, dilation, causal, more, strideSeed }) => ({
    length: window * dilation + more,
    window,
    dilation,
    causal,
    stride: 1 + (strideSeed % window),
  }));

test("near is NATTEN's integer arithmetic", () => {
  fc.assert(
    fc.property(rule, ({ length, window, stride, dilation, causal }) => {
      for (let i = 0; i < length; i++) {
        const seen = neighbours({ length, window, stride, dilation, causal }, i);
        for (let k = 0; k < length; k++) expect(seen.has(k)).toBe(natten(i, k, length, window, stride, dilation, causal));
      }
    }),
    { numRuns: 150 },
  );
});

test("without causality every query sees exactly the window", () => {
  fc.assert(
    fc.property(rule, (some) => {
      for (let i = 0; i < some.length; i++) expect(neighbours({ ...some, causal: false }, i).size).toBe(some.window);
    }),
    { numRuns: 60 },
  );
});

test("a window longer than the axis sees all of it", () => {
  for (const window of [4, 5, 9])
    expect(neighbours({ length: 3, window, stride: 1, dilation: 1, causal: false }, 2)).toEqual(new Set([0, 1, 2]));
});

/** The share of keys seen by some queries of a grid; every query of it sees as many. */
function share(file: string, name: string, params: Record<string, number>, N: number, queries: readonly number[]): number[] {
  const mask = oracleMask(libraryProgram(file), name, { N, NQ: N, heads: 1, kvHeads: 1, params });
  return queries.map((q) => {
    let seen = 0;
    for (let k = 0; k < N; k++) if (mask(0, 0, q, k)) seen++;
    return seen / N;
  });
}

test("80 x 80 of 256 x 256 keeps 9.77 %", () => {
  const N = 256 * 256;
  const shares = share("neighborhood.attn", "neighborhood_2d", { height: 256, width: 256, window: 80 }, N, [0, 255, 12345, N / 2, N - 1]);
  for (const each of shares) expect(Math.round(each * 1e4)).toBe(977);
});

test("18 x 24 x 24 of 30 x 48 x 80 keeps 9.0 %", () => {
  const N = 30 * 48 * 80;
  for (const each of share("neighborhood.attn", "gna_hunyuan", {}, N, [0, 79, 54321, N - 1])) expect(each).toBeCloseTo(0.09, 12);
});

test("a window of w holds exactly w keys", () => {
  const mask = oracleMask(libraryProgram("windows.attn"), "sliding_window", {
    N: 300,
    NQ: 300,
    heads: 1,
    kvHeads: 1,
    params: { window: 128 },
  });
  for (const q of [127, 128, 200, 299]) {
    let seen = 0;
    for (let k = 0; k < 300; k++) if (mask(0, 0, q, k)) seen++;
    expect(seen).toBe(128);
  }
});

test("a mask of length 1024 is affordable", () => {
  const mask = oracleMask(libraryProgram("neighborhood.attn"), "neighborhood_2d", { N: 1024, NQ: 1024, heads: 1, kvHeads: 1 });
  let seen = 0;
  for (let q = 0; q < 1024; q++) for (let k = 0; k < 1024; k++) if (mask(0, 0, q, k)) seen++;
  expect(seen).toBe(1024 * 49);
});
