import { expect } from "vitest";
import { softwareTest } from "../device/software.js";
import { job as check } from "./check-kernels.js";
import { headDimTasks, wrongDims } from "./head-dim-tasks.js";
import { randomTasks, wrongMasks } from "./random-tasks.js";

/** Kernels compile for seconds here: few of them, on many calls. */
const TIMEOUT = 240_000;

softwareTest(
  "random masks: every kind of kernel and the interpreter agree with dense attention",
  async ({ device }) => {
    const variants = ["f32-software", "f32-gpu", "f16-packed-software", "f16-packed-gpu"];
    const tasks = randomTasks({ seed: 8, masks: 8, cases: 16, maxLength: 100, variants });
    expect(wrongMasks(tasks, await check(device, tasks))).toEqual([]);
  },
  TIMEOUT,
);

softwareTest(
  "every head dim: kernels agree with dense attention",
  async ({ device }) => {
    const tasks = headDimTasks(["f32-gpu", "f32-software"]);
    expect(wrongDims(tasks, await check(device, tasks))).toEqual([]);
  },
  TIMEOUT,
);
