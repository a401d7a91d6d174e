import { expect } from "vitest";
import { printBool } from "../../compiler/mask/print.js";
import { denoTest } from "../device/deno.js";
import { runInDeno } from "../device/deno.js";
import type { KernelAnswer, KernelTask } from "./check-kernels.js";
import { randomTasks } from "./random-tasks.js";

const JOB = new URL("./check-kernels.ts", import.meta.url);
/** Its compiler takes half a second for a kernel. */
const TIMEOUT = 240_000;
const check = async (tasks: readonly KernelTask[]): Promise<KernelAnswer[]> => (await runInDeno(JOB, tasks, TIMEOUT)) as KernelAnswer[];

denoTest("random masks: every kind of kernel and the interpreter agree with dense attention", async () => {
  // Seven kinds for three pairs of head counts: each kind meets each pair.
  const variants = ["f32-gpu", "f16-gpu", "f16-packed-gpu", "f32-software", "f16-software", "f16-packed-software", "f16-gpu"];
  const tasks = randomTasks({ seed: 20, masks: 42, cases: 6, maxLength: 80, variants });
  const answers = await check(tasks);
  const wrong = answers.flatMap((failures, i) => failures.map((failure) => `${printBool(tasks[i]!.module.mask)}: ${failure}`));
  expect(wrong).toEqual([]);
}, TIMEOUT);
