import { expect } from "vitest";
import { denoTest, runInDeno } from "../device/deno.js";
import { softwareTest } from "../device/software.js";
import { job } from "./check-kernels.js";
import type { KernelAnswer } from "./check-kernels.js";
import { keyOrderTasks } from "./key-order-tasks.js";
import { wrongMasks } from "./random-tasks.js";

const TIMEOUT = 240_000;

denoTest(
  "key order: the parts of blocks that queries chose add up to dense attention",
  async () => {
    const variants = ["f32-gpu", "f32-simd", "f16-gpu", "f16-packed-software", "f32-software"];
    const tasks = keyOrderTasks({ seed: 31, masks: 8, cases: 8, maxLength: 200, variants });
    const answers = (await runInDeno(new URL("./check-kernels.ts", import.meta.url), tasks, TIMEOUT)) as KernelAnswer[];
    expect(wrongMasks(tasks, answers)).toEqual([]);
  },
  TIMEOUT,
);

softwareTest(
  "key order: the parts of blocks that queries chose add up to dense attention",
  async ({ device }) => {
    const tasks = keyOrderTasks({ seed: 32, masks: 1, cases: 12, maxLength: 140, variants: ["f32-software"] });
    expect(wrongMasks(tasks, await job(device, tasks))).toEqual([]);
  },
  TIMEOUT,
);
