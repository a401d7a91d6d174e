import { expect } from "vitest";
import { softwareTest } from "../device/software.js";
import { job as check } from "./check-kernels.js";
import { headDimTasks, shuffleTasks, wrongDims } from "./head-dim-tasks.js";
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

softwareTest(
  "shuffles: rows of threads agree in subgroups that hold them, and in those that do not",
  async ({ device }) => {
    expect(device.features.has("subgroups")).toBe(true);
    const tasks = shuffleTasks();
    expect(wrongDims(tasks, await check(device, tasks))).toEqual([]);
  },
  TIMEOUT,
);

softwareTest(
  "rows in parts: a window beside first keys agrees with dense attention, also with few queries",
  async ({ device }) => {
    const tasks = [{ ...headDimTasks(["f32-gpu"])[0]!, split: { busy: 64, leastShare: 1 } }];
    expect(wrongDims(tasks, await check(device, tasks))).toEqual([]);
  },
  TIMEOUT,
);
