import { describe, expect, test } from "vitest";
import { failed, verify, withoutDevice } from "./verify-library.js";

const kernels = [
  { kernel: "cores-f16", dtype: "f16", dims: [20, 64, 256] },
  { kernel: "cores-f32", dtype: "f32", dims: [32, 96, 128] },
  { kernel: "mma-f16", dtype: "f16", dims: [32, 64, 128] },
  { kernel: "mma-bf16", dtype: "bf16", dims: [96, 256] },
  { kernel: "wgmma-f16", dtype: "f16", dims: [32, 96, 256] },
  { kernel: "wgmma-bf16", dtype: "bf16", dims: [64, 128] },
] as const;

const skipped = withoutDevice === undefined ? "" : ` (skipped: ${withoutDevice})`;

describe.skipIf(withoutDevice !== undefined)(`CUDA kernels by head dim on the emulated device${skipped}`, () => {
  for (const { kernel, dtype, dims } of kernels) {
    test.each(dims)(`${kernel} with head dim %d, in a random order, races looked for`, { timeout: 300_000 }, async (headDim) => {
      const shape = ["--head-dim", String(headDim), "--heads", "4", "--kv-heads", "2", "--dtype", dtype, "--kernel", kernel];
      const answer = await verify(["patterns/windows.attn#sliding_window", "--seq", "1,131", "--quick", ...shape], {
        ATTNC_EMULATION_CHECK: "1",
        ATTNC_EMULATION_SEED: String(headDim),
      });
      expect(failed(answer), answer.said).toEqual([]);
    });
  }
});
