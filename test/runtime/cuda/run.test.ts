import fc from "fast-check";
import { expect } from "vitest";
import { createCudaAttention } from "../../../runtime/cuda/operator.js";
import { roundedTo, storeRounding } from "../../../runtime/reference/formats.js";
import type { Dtype } from "../../../runtime/launch/module.js";
import { denseReference, distance, noise } from "../launch/fixture.js";
import { emulatedTest, useEmulatedGpu } from "./emulated.js";
import { denseCudaModule } from "./fixture.js";

useEmulatedGpu();

const DIMS = { headDim: 8, valueDim: 4 };

/** Sizes of calls: any lengths, shared and grouped kv heads. */
const calls = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    kvHeads: fc.integer({ min: 1, max: 2 }),
    group: fc.integer({ min: 1, max: 3 }),
    n: fc.integer({ min: 1, max: 70 }),
    fewer: fc.integer({ min: 0, max: 69 }),
    window: fc.integer({ min: 1, max: 80 }),
  })
  .map(({ group, fewer, ...rest }) => ({ ...rest, heads: rest.kvHeads * group, nq: Math.max(1, rest.n - fewer) }));

function tensors({ batch, heads, kvHeads, n, nq }: { batch: number; heads: number; kvHeads: number; n: number; nq: number }, dtype: Dtype) {
  return {
    q: roundedTo(dtype, noise(batch * heads * nq * DIMS.headDim, 1)),
    k: roundedTo(dtype, noise(batch * kvHeads * n * DIMS.headDim, 2)),
    v: roundedTo(dtype, noise(batch * kvHeads * n * DIMS.valueDim, 3)),
  };
}

for (const [dtype, name] of [
  ["f32", undefined],
  ["f32", "persistent-f32"],
  ["f16", undefined],
  ["bf16", undefined],
] as const) {
  emulatedTest(`${name ?? dtype}: arrays in, attention out`, async (device) => {
    await fc.assert(
      fc.asyncProperty(calls, async (call) => {
        const { heads, kvHeads, batch, n, nq, window } = call;
        const operator = await createCudaAttention(device, denseCudaModule(), { heads, kvHeads }, { dtype, kernel: name });
        const given = tensors(call, dtype);
        const { out, lse } = await operator.run(given, { batch, keyLength: n, queryLength: nq, params: { window } });
        operator.destroy();
        const expected = denseReference(given as Parameters<typeof denseReference>[0], { ...call, ...DIMS });
        expect(distance(lse, expected.lse)).toBeLessThan(1e-5);
        // Values are below 1, and so are their means.
        expect(distance(out, expected.out)).toBeLessThan(1e-5 + (dtype === "f32" ? 0 : storeRounding(dtype, 1)));
      }),
      { numRuns: 12 },
    );
  });
}

emulatedTest("16-bit tensors may be given as bits", async (device) => {
  const operator = await createCudaAttention(device, denseCudaModule(), { heads: 1, kvHeads: 1 }, { dtype: "bf16" });
  // 1 and 2 in bf16; one key at a time, so that the output is its value.
  const q = new Uint16Array(16).fill(0x3f80);
  const v = Uint16Array.of(0x3f80, 0x3f80, 0x3f80, 0x3f80, 0x4000, 0x4000, 0x4000, 0x4000);
  const { out } = await operator.run({ q, k: q, v }, { length: 2, params: { window: 1 } });
  expect([...out]).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
});

emulatedTest("a kernel is forced by its name, and an unknown one is refused", async (device) => {
  const forced = await createCudaAttention(device, denseCudaModule(), {}, { kernel: "persistent-f32" });
  expect(forced.kernel.name).toBe("persistent-f32");
  await expect(createCudaAttention(device, denseCudaModule(), {}, { kernel: "wgmma-f32" })).rejects.toThrow(
    "ATTN5103: kernel: expected one of plain-f32, persistent-f32, found wgmma-f32.",
  );
});
