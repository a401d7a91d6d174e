import { expect, test } from "vitest";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { wgslVariants } from "../../compiler/targets/wgsl/operator.js";
import { denoTest, runInDeno } from "../device/deno.js";
import { edited } from "../kernels/check-kernels.js";
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

denoTest(
  "the verifier passes every kernel as printed and catches every mutation of its text",
  async () => {
    const tried: { readonly operator: string; readonly mutation?: Mutation; readonly task: KernelTask }[] = [];
    for (const [operator, module] of Object.entries(operators)) {
      const task: KernelTask = { module, variant: variantOf(module), cases: casesOf(module) };
      tried.push({ operator, task });
      for (const mutation of mutations[operator]!)
        tried.push({ operator, mutation, task: { ...task, edits: [mutation], stopAtFailure: true } });
    }
    const job = new URL("../kernels/check-kernels.ts", import.meta.url);
    const answers = (await runInDeno(
      job,
      tried.map(({ task }) => task),
      TIMEOUT,
    )) as KernelAnswer[];
    const broken = tried.flatMap(({ operator, mutation }, i) => (mutation ? [] : answers[i]!.map((failure) => `${operator}: ${failure}`)));
    const survivors = tried.flatMap(({ operator, mutation }, i) =>
      mutation && answers[i]!.length === 0 ? [`${operator}: ${mutation.name}`] : [],
    );
    expect({ broken, survivors }).toEqual({ broken: [], survivors: [] });
  },
  TIMEOUT,
);
