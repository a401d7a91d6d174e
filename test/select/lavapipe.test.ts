import fc from "fast-check";
import { expect } from "vitest";
import { denoTest, runInDeno } from "../device/deno.js";
import { selectionCase } from "./arbitrary.js";
import type { StagesTask } from "./check-stages.js";
import { keepTasks } from "./keep-tasks.js";
import { policyTasks } from "./policy-tasks.js";
import { sortTasks } from "./sort-tasks.js";

const TIMEOUT = 240_000;

async function wrong(tasks: readonly StagesTask[]): Promise<readonly string[]> {
  const answers = (await runInDeno(new URL("./check-stages.ts", import.meta.url), tasks, TIMEOUT)) as (string | null)[];
  return answers.flatMap((answer, i) => (answer ? [`task ${i}: ${answer}`] : []));
}

denoTest(
  "random selections: printed stages do what the interpreter does",
  async () => {
    const cases = fc.sample(selectionCase, { numRuns: 25, seed: 31 });
    expect(await wrong(cases.map(({ module, calls }) => ({ module, calls })))).toEqual([]);
  },
  TIMEOUT,
);

denoTest("every rule of keep, on scores with ties, NaN and infinities", async () => expect(await wrong(keepTasks())).toEqual([]), TIMEOUT);

denoTest("published rules at lengths that divide nothing", async () => expect(await wrong(policyTasks())).toEqual([]), TIMEOUT);

denoTest("keys sorted by scores with ties, NaN and infinities", async () => expect(await wrong(sortTasks())).toEqual([]), TIMEOUT);
