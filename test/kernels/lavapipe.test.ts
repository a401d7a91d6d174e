import { expect } from "vitest";
import { denoTest, runInDeno } from "../device/deno.js";
import type { KernelAnswer, KernelTask } from "./check-kernels.js";
import { headDimTasks, wrongDims } from "./head-dim-tasks.js";
import { randomTasks, wrongMasks } from "./random-tasks.js";

/** Mesa's compiler takes most of a second for a kernel that its cache does not hold. */
const TIMEOUT = 240_000;
const check = async (tasks: readonly KernelTask[]): Promise<KernelAnswer[]> =>
  (await runInDeno(new URL("./check-kernels.ts", import.meta.url), tasks, TIMEOUT)) as KernelAnswer[];

const GPU = ["f32-gpu", "f16-gpu", "f16-packed-gpu"];
const SOFTWARE = ["f32-software", "f16-software", "f16-packed-software"];

denoTest(
  "random masks: every kind of kernel and the interpreter agree with dense attention",
  async () => {
    // Seven kinds for three pairs of head counts: each kind meets each pair.
    const tasks = randomTasks({ seed: 20, masks: 35, cases: 8, maxLength: 80, variants: [...GPU, ...SOFTWARE, "f32-gpu"] });
    expect(wrongMasks(tasks, await check(tasks))).toEqual([]);
  },
  TIMEOUT,
);

denoTest(
  "every head dim: native and packed 16-bit kernels agree with dense attention",
  async () => {
    const tasks = [...headDimTasks(["f16-gpu", "f16-packed-gpu"]), ...headDimTasks(SOFTWARE, [[64], [96, 20]])];
    expect(wrongDims(tasks, await check(tasks))).toEqual([]);
  },
  TIMEOUT,
);
