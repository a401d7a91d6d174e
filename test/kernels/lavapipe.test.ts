import { expect } from "vitest";
import { printBool } from "../../compiler/mask/print.js";
import { denoTest, runInDeno } from "../device/deno.js";
import { MOST_KEYS } from "./check-expressions.js";
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
    const tasks = randomTasks({ seed: 20, masks: 28, cases: 8, maxLength: 80, variants: [...GPU, ...SOFTWARE, "f32-gpu"] });
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
