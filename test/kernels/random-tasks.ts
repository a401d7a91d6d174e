import fc from "fast-check";
import { maxLength } from "../../compiler/mask/bounds.js";
import type { Input, MaskModule, Shape } from "../../compiler/mask/ir.js";
import { printBool } from "../../compiler/mask/print.js";
import type { DataKind, VerifyCase } from "../../runtime/verify/cases.js";
import { BATCH, boolExpr, environment, moduleOf } from "../mask/arbitrary.js";
import type { KernelTask } from "./check-kernels.js";

/** Block maps come as bits or as lists. */
const asLists = (inputs: readonly Input[]): readonly Input[] =>
  inputs.map((input) => (input.kind === "blocks" ? { ...input, kind: "csr" } : input));

/** How the random masks of a device are chosen; another seed makes others. */
export interface TaskPlan {
  readonly seed: number;
  readonly masks: number;
  /** Environments per mask. */
  readonly cases: number;
  readonly maxLength: number;
  readonly variants: readonly string[];
}

const HEADS = [
  [4, 2],
  [3, 1],
  [2, 2],
] as const;

const data: readonly DataKind[] = ["normal", "normal", "large logits", "low scores", "equal keys", "dominant key"];

/** Random masks over the whole IR, each with random lengths, parameters and inputs, on the kernels in turn. */
export function randomTasks(plan: TaskPlan): readonly KernelTask[] {
  // A mask that may overflow at some length of a case would be refused by the launcher.
  const safe = boolExpr().filter((mask) => maxLength(moduleOf(mask)) >= plan.maxLength);
  const masks = fc.sample(safe, { seed: plan.seed, numRuns: plan.masks });
  const environments = fc.sample(environment(plan.maxLength), { seed: plan.seed, numRuns: plan.masks * plan.cases });
  return masks.map((mask, i) => {
    const variant = plan.variants[i % plan.variants.length]!;
    const own = moduleOf(mask);
    // One pair of head counts for a mask: each pair is another pipeline.
    const [heads, kvHeads] = HEADS[i % HEADS.length]!;
    const shape: Shape = { ...own.shape, heads, kvHeads, headDim: 16, valueDim: 8, dtype: variant.startsWith("f16") ? "f16" : "f32" };
    const module: MaskModule = { ...own, shape, inputs: i % 2 === 0 ? own.inputs : asLists(own.inputs) };
    const cases = environments.slice(i * plan.cases, (i + 1) * plan.cases).map(({ N, NQ, layer, step, params, phase }, j): VerifyCase => {
      return {
        name: `mask ${i}, call ${j}`,
        seed: i * plan.cases + j + 1,
        data: data[j % data.length]!,
        batch: j % 2 === 0 ? 1 : BATCH,
        sharedInputs: j % 4 === 1,
        heads,
        kvHeads,
        queries: NQ,
        keys: N,
        launch: { layer, layers: 4, step, steps: 8, phase: module.phases[phase!] },
        params: params!,
      };
    });
    return { module, variant, cases, interpreter: true };
  });
}

/** What came of tasks, for an assertion to show. */
export function wrongMasks(tasks: readonly KernelTask[], answers: readonly (readonly string[])[]): readonly string[] {
  return tasks.flatMap(({ module, variant }, i) => answers[i]!.map((failure) => `${variant}, ${printBool(module.mask)}: ${failure}`));
}
