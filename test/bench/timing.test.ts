import { expect, test } from "vitest";
import type { PeerContestant, Runner } from "../../bench/measure/contestant.js";
import { failuresOf } from "../../bench/measure/contestant.js";
import { normals, swapLeading, tensorsOf } from "../../bench/measure/data.js";
import { outputError } from "../../bench/measure/error.js";
import { timeInTurns, type Arena } from "../../bench/measure/timing.js";
import { denseAttention } from "../../runtime/reference/dense.js";

const workload = { heads: 2, headDim: 4, length: 9 };
const causal = (_: number, __: number, q: number, k: number): boolean => k <= q;

/** The right output, from the reference. */
function truth(): Float32Array {
  const { heads, headDim, length } = workload;
  const sizes = { batch: 1, heads, kvHeads: heads, headDim, valueDim: headDim, queries: length, keys: length, firstPosition: 0 };
  return Float32Array.from(denseAttention({ ...sizes, ...tensorsOf(workload), mask: causal }).out);
}

/** An arena whose contestants are those given by label; what they do is written down. */
function arenaOf(runners: Readonly<Record<string, Partial<Runner>>>): { readonly arena: Arena; readonly log: string[] } {
  const log: string[] = [];
  const preparePeer = ({ label }: PeerContestant): Promise<Runner> => {
    const given = runners[label];
    if (given === undefined) return Promise.reject(new Error(`no ${label}\nand more`));
    return Promise.resolve({
      time: () => (log.push(label), Promise.resolve(1)),
      output: () => Promise.resolve(truth()),
      mask: (_: number, q: number, k: number) => k <= q,
      destroy: () => (log.push(`${label} destroyed`), Promise.resolve()),
      ...given,
    });
  };
  return { arena: { device: {} as GPUDevice, profile: "gpu", preparePeer }, log };
}

const contestants = (...labels: string[]): PeerContestant[] =>
  labels.map((label) => ({ kind: "peer", label, mode: "kernel", workload, operator: "MultiHeadAttention", mask: { kind: "causal" } }));

test("contestants warm up, then run in turns, and are let go", async () => {
  const { arena, log } = arenaOf({ a: {}, b: {} });
  const timings = await timeInTurns(arena, { contestants: contestants("a", "b"), runs: 2, seconds: 1 }, () => undefined);
  expect(log).toEqual(["a", "b", "a", "b", "a", "b", "a destroyed", "b destroyed"]);
  expect(timings.map(({ times }) => times)).toEqual([
    [1, 1],
    [1, 1],
  ]);
  // The truth as float32: half a unit in the last place of numbers below 4.
  expect(timings[0]!.error!.maxAbs).toBeLessThanOrEqual(2 ** -23);
  expect(timings[0]!.error!.rows).toBe(18);
  expect(failuresOf(timings)).toEqual([]);
});

test("one that takes long sits out the other rounds, its warm-up counted", async () => {
  const { arena } = arenaOf({ slow: { time: () => Promise.resolve(400) }, slower: { time: () => Promise.resolve(4000) }, quick: {} });
  const timings = await timeInTurns(arena, { contestants: contestants("slow", "slower", "quick"), runs: 5, seconds: 1 }, () => undefined);
  expect(timings.map(({ times }) => times.length)).toEqual([2, 1, 5]);
});

test("one that fails says why, and the others go on", async () => {
  let runs = 0;
  const broken = { time: () => (runs++ < 2 ? Promise.resolve(1) : Promise.reject(new Error("device lost"))) };
  const { arena, log } = arenaOf({ broken, b: {} });
  const timings = await timeInTurns(arena, { contestants: contestants("missing", "broken", "b"), runs: 3, seconds: 1 }, () => undefined);
  expect(timings[0]).toEqual({ label: "missing", times: [], failure: "no missing and more" });
  expect(timings[1]).toEqual({ label: "broken", times: [], failure: "device lost" });
  expect(timings[2]!.times).toEqual([1, 1, 1]);
  expect(log).toContain("broken destroyed");
  expect(failuresOf(timings)).toEqual(["missing: no missing and more", "broken: device lost"]);
});

test("a wrong output is called wrong, and NaN most of all", async () => {
  const off = truth();
  off[5]! += 0.25;
  const { maxAbs } = outputError(workload, causal, off);
  expect(Math.abs(maxAbs - 0.25)).toBeLessThanOrEqual(2 ** -22);
  const holed = truth();
  holed[7] = NaN;
  expect(outputError(workload, causal, holed)).toMatchObject({ maxAbs: Infinity, relL2: NaN });
  const { arena } = arenaOf({ nan: { output: () => Promise.resolve(holed) }, off: { output: () => Promise.resolve(off) } });
  const timings = await timeInTurns(arena, { contestants: contestants("nan", "off"), runs: 1, seconds: 1 }, () => undefined);
  expect(failuresOf(timings).map((text) => text.slice(0, 3))).toEqual(["nan", "off"]);
});

test("data is normally distributed and always the same; layouts are turned round and back", () => {
  const values = normals(20001, 3);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  // Six standard deviations of the estimates: 1 / sqrt(n) and sqrt(2 / n).
  expect(Math.abs(mean)).toBeLessThan(6 / Math.sqrt(20001));
  expect(Math.abs(variance - 1)).toBeLessThan(6 * Math.sqrt(2 / 20001));
  expect(normals(20001, 3)).toEqual(values);
  expect(normals(20001, 4)).not.toEqual(values);
  const [heads, length, dim] = [3, 5, 2];
  const given = Float32Array.from({ length: heads * length * dim }, (_, i) => i);
  const swapped = swapLeading(given, heads, length);
  for (let h = 0; h < heads; h++)
    for (let n = 0; n < length; n++) expect(swapped[(n * heads + h) * dim + 1]).toBe(given[(h * length + n) * dim + 1]);
  expect(swapLeading(swapped, length, heads)).toEqual(given);
});
