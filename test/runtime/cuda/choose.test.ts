import fc from "fast-check";
import { expect, test } from "vitest";
import { chooseKernel, needsArchitectureOnly } from "../../../runtime/cuda/choose.js";
import type { CudaProperties } from "../../../runtime/cuda/device.js";
import type { CudaKernel, CudaModule } from "../../../runtime/cuda/module.js";
import { denseModule } from "../launch/fixture.js";
import { kernel } from "./fixture.js";

const SHAPE = { heads: 4, kvHeads: 2, headDim: 8, valueDim: 4 };
const module = (...kernels: readonly CudaKernel[]): CudaModule => ({ ...denseModule({ variants: [] }), cuda: { source: "", kernels } });
const gpu = (architecture: number, sharedBytes = 101376): CudaProperties => ({
  name: "a GPU",
  architecture,
  multiprocessors: 4,
  sharedBytes,
});

const wgmma = kernel({ name: "wgmma-bf16", dtype: "bf16", architecture: 90, architectureOnly: true, sharedBytes: 200000 });
const mma = kernel({ name: "mma-bf16", dtype: "bf16", architecture: 80, sharedBytes: 65536 });
const cores = kernel({ name: "cores-f32" });
const all = module(wgmma, mma, cores);

test.each([
  [90, 232448, "bf16", "wgmma-bf16"],
  // A GPU of the right architecture with too little shared memory.
  [90, 101376, "bf16", "mma-bf16"],
  // What only sm_90a has is gone in later ones.
  [100, 232448, "bf16", "mma-bf16"],
  [86, 101376, "bf16", "mma-bf16"],
  [75, 65536, "f32", "cores-f32"],
  [120, 101376, "f32", "cores-f32"],
] as const)("sm_%i with %i bytes runs %s by %s", (architecture, shared, dtype, name) => {
  expect(chooseKernel(all, SHAPE, dtype, gpu(architecture, shared)).name).toBe(name);
});

test("the first in order that fits is the one chosen", () => {
  const kernels = fc.array(
    fc
      .record({
        dtype: fc.constantFrom("f32", "f16", "bf16"),
        architecture: fc.constantFrom(75, 80, 90),
        architectureOnly: fc.boolean(),
        headDim: fc.constantFrom(8, 16),
        sharedBytes: fc.constantFrom(0, 65536, 200000),
      })
      .map((fields) => kernel(fields)),
    { minLength: 1, maxLength: 6 },
  );
  fc.assert(
    fc.property(kernels, fc.constantFrom(75, 80, 86, 90, 100), fc.constantFrom(65536, 232448), (list, architecture, sharedBytes) => {
      const runs = list.filter(
        (k) =>
          k.dtype === "f16" &&
          k.headDim === 8 &&
          k.sharedBytes <= sharedBytes &&
          (k.architectureOnly ? k.architecture === architecture : k.architecture <= architecture),
      );
      const choose = (): CudaKernel => chooseKernel(module(...list), SHAPE, "f16", gpu(architecture, sharedBytes));
      if (runs.length === 0) expect(choose).toThrow(/^ATTN5103|^ATTN5306/);
      else expect(choose()).toBe(runs[0]);
    }),
  );
});

test.each([
  [() => chooseKernel(all, SHAPE, "f16", gpu(90)), "ATTN5103: dtype: expected one of bf16, f32: dense was compiled for those, found f16."],
  [
    () => chooseKernel(all, { ...SHAPE, headDim: 64 }, "bf16", gpu(90)),
    "ATTN5103: headDim: expected headDim/valueDim 8/4: what dense was compiled for, found 64/4.",
  ],
  [() => chooseKernel(all, SHAPE, "bf16", gpu(90), "mma"), "ATTN5103: kernel: expected one of wgmma-bf16, mma-bf16, found mma."],
  [
    () => chooseKernel(all, SHAPE, "bf16", gpu(75)),
    "ATTN5306: device: expected compute capability 8.0 or later, for the kernel mma-bf16, found 7.5 (a GPU).",
  ],
  [
    () => chooseKernel(all, SHAPE, "bf16", gpu(100), "wgmma-bf16"),
    "ATTN5306: device: expected compute capability 9.0 and no other, for the kernel wgmma-bf16, found 10.0 (a GPU).",
  ],
  [
    () => chooseKernel(all, SHAPE, "bf16", gpu(90, 49152), "mma-bf16"),
    "ATTN5306: device: expected 65536 bytes of shared memory for a block, for the kernel mma-bf16, found 49152 (a GPU).",
  ],
])("what cannot run is refused: %#", (choose, message) => {
  expect(choose).toThrow(message);
});

test("a source is compiled for one architecture alone where a kernel needs what only that one has", () => {
  expect(needsArchitectureOnly(all, gpu(90))).toBe(true);
  expect(needsArchitectureOnly(all, gpu(100))).toBe(false);
  expect(needsArchitectureOnly(module(mma, cores), gpu(90))).toBe(false);
});
