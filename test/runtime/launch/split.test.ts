import fc from "fast-check";
import { expect, it, test } from "vitest";
import { checkSplit, splitOf } from "../../../runtime/launch/split.js";
import type { ResolvedCall } from "../../../runtime/launch/call.js";
import { variant } from "./fixture.js";

const kernel = variant({ tileQ: 32, tileK: 32, valueDim: 64 });
const limits = { maxStorageBufferBindingSize: 1 << 27, maxBufferSize: 1 << 28 };

function call(n: number, nq: number, heads = 8): ResolvedCall {
  return { batch: 1, heads, kvHeads: heads, headDim: 64, valueDim: 64, n, nq, scale: 1, params: {}, launch: {} } as unknown as ResolvedCall;
}

test.each([
  ["one query of a long sequence", call(65536, 1), 1, false, true],
  ["a long prompt", call(65536, 65536), 2048, false, false],
  ["a long prompt with some rows much longer than others", call(65536, 65536), 2048, true, true],
  ["one query of a short sequence", call(256, 1), 1, true, false],
  ["one query of a long grid with a layout, whose tiles are of all places", call(65536, 1), 2048, false, true],
  ["no query at all", call(65536, 0), 0, true, false],
] as const)("%s", (_, resolved, tiles, uneven, cut) => {
  const split = splitOf(kernel, resolved, tiles, uneven, {}, limits);
  expect(split !== undefined).toBe(cut);
});

test("parts that the device has no room for are not made", () => {
  const small = { maxStorageBufferBindingSize: 1 << 20, maxBufferSize: 1 << 28 };
  expect(splitOf(kernel, call(65536, 1), 1, false, {}, small)).toBeUndefined();
  expect(splitOf(kernel, call(65536, 1), 1, false, { busy: 16 }, small)?.scratchBytes).toBe(4 * 32 * 32 * 68);
});

test("tiles without a query take no room for results", () => {
  const [sequence, grid] = [1, 2048].map((tiles) => splitOf(kernel, call(65536, 1), tiles, false, {}, limits)!);
  expect(grid!.scratchBytes).toBe(sequence!.scratchBytes);
});

test.each([
  [{ busy: 0 }, "split.busy", "0"],
  [{ leastShare: -1 }, "split.leastShare", "-1"],
  [{ leastShare: 1.5 }, "split.leastShare", "1.5"],
  [{ busy: Infinity }, "split.busy", "Infinity"],
])("%j is nothing to cut by", (options, field, found) => {
  expect(() => checkSplit(options)).toThrow(expect.objectContaining({ code: "ATTN5212", field, found }) as Error);
});

it("has room for every part that the plan's kernel makes", () => {
  const counts = fc.array(fc.oneof(fc.nat(20), fc.nat(5000)), { minLength: 1, maxLength: 600 });
  const property = fc.property(counts, fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 10 }), (tiles, busy, leastShare) => {
    const split = splitOf(kernel, call(1 << 20, 32 * tiles.length, 1), tiles.length, true, { busy, leastShare }, limits)!;
    // As in the text of the plan's kernel.
    const sum = tiles.reduce((a, b) => a + b, 0);
    const share = Math.max(leastShare, Math.ceil(sum / split.busy));
    const parts = tiles.map((n) => Math.ceil(n / share)).filter((n) => n > 1);
    expect(parts.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(split.slots);
  });
  fc.assert(property, { numRuns: 2000 });
});
