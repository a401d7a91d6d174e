import { expect } from "vitest";
import { launchModule } from "../../compiler/driver/launch.js";
import { sliding } from "../bindings/modules.js";
import { denoTest, runInDeno } from "./deno.js";
import type { TuneAnswer, TuneRequest } from "./jobs/tune.js";

/** Schedules of every kind that f16 has: native and packed, a grid of threads and whole rows. */
const NAMES = ["f16-simd", "f16-packed-simd", "f16-software", "f16-gpu"];

denoTest("on wgpu printed kernels of all kinds agree, with f16 too, and the fastest is chosen", async () => {
  const shape = { heads: 2, kvHeads: 1, headDim: 16, valueDim: 16 } as const;
  const module = launchModule({ ...sliding, shape: { ...shape, dtype: "f16" } }, [], { profiles: ["simd", "software", "gpu"] });
  const request: TuneRequest = { module, shape: { heads: 2, kvHeads: 1 }, length: 200, variants: NAMES };
  const { winner, timings, stored, chosen } = (await runInDeno(new URL("./jobs/tune.ts", import.meta.url), request)) as TuneAnswer;
  expect(timings.map(({ variant, skipped }) => [variant, skipped])).toEqual(
    module.variants.filter(({ name }) => NAMES.includes(name)).map(({ name }) => [name, undefined]),
  );
  expect(stored).toEqual([[expect.stringMatching(/^attnc tuned sliding f16 16x16 [0-9a-f]{16} on .*llvmpipe/), winner]]);
  expect(chosen).toBe(winner);
});
