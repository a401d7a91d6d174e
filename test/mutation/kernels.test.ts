import { expect, test } from "vitest";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { wgslVariants } from "../../compiler/targets/wgsl/operator.js";
import { denoMissing, denoTest, runInDeno } from "../device/deno.js";
import { edited, job as check } from "../kernels/check-kernels.js";
import type { KernelAnswer, KernelTask } from "../kernels/check-kernels.js";
import { nagaProblem } from "../targets/naga.js";
import { mutations } from "./mutations.js";
import type { Mutation } from "./mutations.js";
import { casesOf, operators } from "./operators.js";

/** Most of it is Mesa compiling some sixty kernels. */
const TIMEOUT = 300_000;

const variantOf = ({ shape }: MaskModule): string => (shape.dtype === "f16" ? "f16-packed-gpu" : "f32-gpu");

test("every mutation finds its place and is a shader; no two make the same text", () => {
  for (const [operator, module] of Object.entries(operators)) {
    const { wgsl } = wgslVariants(module, [module.shape]).find(({ variant }) => variant.name === variantOf(module))!.variant;
    const texts = mutations[operator]!.map((mutation) => edited(wgsl, [mutation]));
    expect(texts.map(nagaProblem).filter((problem) => problem !== undefined)).toEqual([]);
    expect(new Set([wgsl, ...texts]).size).toBe(1 + texts.length);
  }
});

interface Try {
  readonly operator: string;
  /** Absent: the kernel as printed. */
  readonly mutation?: Mutation;
  readonly task: KernelTask;
}

async function catchesAll(check: (tasks: readonly KernelTask[]) => Promise<readonly KernelAnswer[]>): Promise<void> {
  const tries = Object.entries(operators).flatMap(([operator, module]): Try[] => {
    const task: KernelTask = { module, variant: variantOf(module), cases: casesOf(module) };
    const mutated = mutations[operator]!.map((mutation) => ({
      operator,
      mutation,
      task: { ...task, edits: [mutation], stopAtFailure: true },
    }));
    return [{ operator, task }, ...mutated];
  });
  const answers = await check(tries.map(({ task }) => task));
  const broken = tries.flatMap(({ operator, mutation }, i) => (mutation ? [] : answers[i]!.map((failure) => `${operator}: ${failure}`)));
  const survivors = tries.flatMap(({ operator, mutation }, i) =>
    mutation && answers[i]!.length === 0 ? [`${operator}: ${mutation.name}`] : [],
  );
  expect({ broken, survivors }).toEqual({ broken: [], survivors: [] });
}

const NAME = "the verifier passes every kernel as printed and catches every mutation of its text";

if (denoMissing === undefined) {
  const job = new URL("../kernels/check-kernels.ts", import.meta.url);
  denoTest(NAME, () => catchesAll(async (tasks) => (await runInDeno(job, tasks, TIMEOUT)) as KernelAnswer[]), TIMEOUT);
} else {
  // Slower: its kernels compile for longer.
  const { softwareTest } = await import("../device/software.js");
  softwareTest(NAME, ({ device }) => catchesAll((tasks) => check(device, tasks)), TIMEOUT);
}
