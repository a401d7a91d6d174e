import { expect, test } from "vitest";
import type { Dtype } from "../../runtime/launch/module.js";
import { roundedTo } from "../../runtime/reference/formats.js";
import { halves } from "../../runtime/reference/half.js";
import type { MaskPredicate } from "../../runtime/reference/problem.js";
import { standardCases, type VerifyCase } from "../../runtime/verify/cases.js";
import { verifyOperator, type Operator } from "../../runtime/verify/operator.js";
import { unseenTiles } from "../../runtime/verify/unseen.js";
import { runKernel, type Faults } from "./kernel.js";

/** Sinks and a window: a mask with empty tiles, partial and full ones. */
const streaming: MaskPredicate = (_b, _h, q, k) => k <= q && (k < 3 || q - k < 20);

function operator(faults: Faults = {}, mask: MaskPredicate = streaming): Operator {
  return {
    headDim: 16,
    valueDim: 8,
    dtype: "f32",
    space: "self",
    inputs: [],
    mask: () => mask,
    unused: (call, seen) => unseenTiles(call, seen, 16),
    run: async (tensors, call) => runKernel(tensors, call, mask, faults),
  };
}

const plan = { lengths: [70, 130], seeds: 2, heads: 2, kvHeads: 2, freeLength: true, freeHeads: true };
const cases = standardCases(plan);

const failures = async (faults: Faults, mask?: MaskPredicate, of: readonly VerifyCase[] = cases): Promise<string[]> =>
  (await verifyOperator(operator(faults, mask), of)).filter((result) => !result.ok).map((result) => result.name);

test("a right kernel with sums in another order passes every case", async () => {
  const results = await verifyOperator(operator(), cases);
  expect(results.filter((result) => !result.ok)).toEqual([]);
  // Not because anything passes: the tolerance of ordinary data is a few roundings.
  for (const result of results) if (result.name.startsWith("random")) expect(result.tolerance).toBeLessThan(2e-5);
});

test("a right kernel passes where rows are empty", async () => {
  expect(await failures({}, (_b, _h, q, k) => k < q && q % 3 !== 0)).toEqual([]);
  expect(await failures({}, () => false)).toEqual([]);
});

test("a right kernel on f16 buffers passes, and the same mistakes are caught", async () => {
  const half = (faults: Faults): Operator => ({
    ...operator(faults),
    dtype: "f16",
    run: async (tensors, call) => {
      const { out, lse } = runKernel(tensors, call, streaming, faults);
      return { out: halves(out), lse };
    },
  });
  const ok = async (faults: Faults): Promise<boolean> => (await verifyOperator(half(faults), cases)).every((result) => result.ok);
  expect(await ok({})).toBe(true);
  expect(await ok({ scaleFactor: 1.001 })).toBe(false);
  expect(await ok({ mask: (mask) => (b, h, q, k) => mask(b, h, q, k) || (k <= q && q - k === 20) })).toBe(false);
});

test.each(["f16", "bf16"] as const)(
  "a right kernel of %s with weights of its type passes where that is said, and mistakes are caught",
  async (dtype) => {
    const narrow = (faults: Faults, weights?: Dtype): Operator => ({
      ...operator(),
      dtype,
      weights,
      run: async (tensors, call) => {
        const { out, lse } = runKernel(tensors, call, streaming, { ...faults, weights: dtype });
        return { out: roundedTo(dtype, out), lse };
      },
    });
    const ok = async (kernel: Operator): Promise<boolean> => (await verifyOperator(kernel, cases)).every((result) => result.ok);
    expect(await ok(narrow({}, dtype))).toBe(true);
    expect(await ok(narrow({}))).toBe(false);
    expect(await ok(narrow({ scaleFactor: 1.001 }, dtype))).toBe(false);
    expect(await ok(narrow({ lastDimLost: true }, dtype))).toBe(false);
    expect(await ok(narrow({ kvHead: (head, call) => (head + 1) % call.kvHeads }, dtype))).toBe(false);
    expect(await ok(narrow({ mask: (mask) => (b, h, q, k) => mask(b, h, q, k) || (k <= q && q - k === 20) }, dtype))).toBe(false);
  },
);

test("a right kernel passes on sampled rows of a long sequence", async () => {
  const long = standardCases({ ...plan, lengths: [600], seeds: 1, freeLength: false, freeHeads: false });
  const results = await verifyOperator(operator(), long, { work: 2e6 });
  expect(results.every((result) => result.ok)).toBe(true);
  expect(results[0]!.rows).toBeLessThan(600 * 2);
});

const faults: readonly (readonly [string, Faults])[] = [
  ["the scale wrong by one in a thousand", { scaleFactor: 1.001 }],
  ["the scale wrong by one in a hundred thousand", { scaleFactor: 1.00001 }],
  ["one key too many: < became <=", { mask: (mask) => (b, h, q, k) => mask(b, h, q, k) || (k <= q && q - k === 20) }],
  ["one key too few", { mask: (mask) => (b, h, q, k) => mask(b, h, q, k) && q - k !== 19 }],
  ["not causal at the diagonal", { mask: (mask) => (b, h, q, k) => mask(b, h, q, k) || k === q + 1 }],
  ["a tile of keys skipped", { mask: (mask) => (b, h, q, k) => mask(b, h, q, k) && !(k >= 48 && k < 96 && q >= 100) }],
  ["no rescale when the maximum rises", { noRescale: true }],
  ["no division at the end", { noDivision: true }],
  ["no running maximum", { noMaximum: true }],
  ["the wrong kv head", { kvHead: (head, call) => (head + 1) % call.kvHeads }],
  ["the last row lost", { rowsLost: (row, call) => row === call.queries - 1 }],
  ["one row in the middle lost", { rowsLost: (row) => row === 33 }],
  ["lse in base 2", { lseBase2: true }],
  ["lse without the sum", { lseWithoutSum: true }],
  ["one batch entry for all", { batchIgnored: true }],
  ["masked keys loaded", { loadsAllKeys: true }],
  ["the last dimension not written", { lastDimLost: true }],
  ["a tile counted twice", { firstTileTwice: true }],
  ["a write beyond the end", { writesBeyond: true }],
  ["query positions from 0", { mask: (mask, call) => (b, h, q, k) => mask(b, h, q - call.firstPosition, k) }],
  ["weights rounded to f16", { tileWeightsHalf: true }],
];

test.each(faults)("caught: %s", async (_, fault) => {
  expect(await failures(fault)).not.toEqual([]);
});

test("caught: NaN in empty rows", async () => {
  const results = await verifyOperator(
    operator({ emptyRowNaN: true }, (_b, _h, q, k) => k < q),
    cases.slice(0, 1),
  );
  expect(results[0]).toMatchObject({ ok: false, worst: { tensor: "out", query: 0, expected: 0, got: NaN } });
});

test("the worst element is named", async () => {
  const results = await verifyOperator(operator({ rowsLost: (row) => row === 33 }), cases.slice(0, 1));
  expect(results[0]!.worst).toMatchObject({ query: 33, got: -31232 });
});

test("one lost row is found although rows are sampled", async () => {
  const long = standardCases({ ...plan, lengths: [600], seeds: 1, freeLength: false, freeHeads: false }).slice(0, 1);
  const results = await verifyOperator(operator({ rowsLost: (row) => row === 333 }), long, { work: 1e6 });
  expect(results[0]!.ok).toBe(false);
  expect(results[0]!.problem).toMatch(/was not written/);
});
