import { expect } from "vitest";
import { printBool } from "../../compiler/mask/print.js";
import { denoTest, runInDeno } from "../device/deno.js";
import { MOST_KEYS } from "./check-expressions.js";
import type { KernelAnswer, KernelTask } from "./check-kernels.js";
import { headDimTasks, scheduleTasks, wrongDims } from "./head-dim-tasks.js";
import { randomTasks, wrongMasks } from "./random-tasks.js";

/** Mesa's compiler takes most of a second for a kernel that its cache does not hold. */
const TIMEOUT = 240_000;
const check = async (tasks: readonly KernelTask[]): Promise<KernelAnswer[]> =>
  (await runInDeno(new URL("./check-kernels.ts", import.meta.url), tasks, TIMEOUT)) as KernelAnswer[];

const GPU = ["f32-gpu", "f16-gpu", "f16-packed-gpu"];
const SOFTWARE = ["f32-software", "f16-software", "f16-packed-software"];
const SIMD = ["f32-simd", "f16-simd", "f16-packed-simd"];

denoTest(
  "random masks: every kind of kernel and the interpreter agree with dense attention",
  async () => {
    // Ten kinds for three pairs of head counts: each kind meets each pair.
    const tasks = randomTasks({ seed: 20, masks: 30, cases: 8, maxLength: 80, variants: [...GPU, ...SOFTWARE, ...SIMD, "f32-simd"] });
    expect(wrongMasks(tasks, await check(tasks))).toEqual([]);
  },
  TIMEOUT,
);

denoTest(
  "random masks: the printed mask, conditions and ranges are what their evaluators say",
  async () => {
    const tasks = randomTasks({ seed: 21, masks: 150, cases: 2, maxLength: MOST_KEYS, variants: ["f32-gpu"] });
    const answers = (await runInDeno(new URL("./check-expressions.ts", import.meta.url), tasks, TIMEOUT)) as (string | null)[];
    expect(answers.flatMap((answer, i) => (answer ? [`${printBool(tasks[i]!.module.mask)}: ${answer}`] : []))).toEqual([]);
  },
  TIMEOUT,
);

denoTest(
  "every head dim: native 16-bit kernels agree with dense attention",
  async () => {
    const tasks = headDimTasks(["f16-gpu", "f16-software"]);
    expect(wrongDims(tasks, await check(tasks))).toEqual([]);
  },
  TIMEOUT,
);

denoTest(
  "every schedule that tuning may choose agrees with dense attention",
  async () => {
    const tasks = scheduleTasks();
    expect(tasks.length).toBeGreaterThan(15);
    expect(wrongDims(tasks, await check(tasks))).toEqual([]);
  },
  TIMEOUT,
);

denoTest(
  "rows in parts: random masks agree with dense attention",
  async () => {
    const tasks = randomTasks({ seed: 22, masks: 24, cases: 8, maxLength: 160, variants: ["f32-gpu", "f16-gpu", "f16-packed-gpu"] });
    // As many parts as there are tiles, and some.
    const inParts = tasks.map((task, i) => ({ ...task, split: { busy: 64, leastShare: 1 + (i % 2) } }));
    expect(wrongMasks(inParts, await check(inParts))).toEqual([]);
  },
  TIMEOUT,
);
