import type { BranchedMask } from "../../mask/branched.js";
import type { MaskEnv } from "../../mask/evaluate.js";
import { loadBranched } from "../branched-executor.js";
import type { BranchedResult } from "../branched-executor.js";
import { readBranchedInputs } from "../branched-inputs.js";
import type { Executor, ExecutorCall } from "../executor.js";
import type { FloatTensor } from "../tensors.js";

/** Runs an attention with branches on tensors that have been checked against one another. */
export async function runBranched(
  executor: Executor,
  mask: BranchedMask,
  tensors: { readonly q: FloatTensor; readonly k: FloatTensor; readonly v: FloatTensor },
  env: MaskEnv,
  call: Omit<ExecutorCall, "inputs" | "params">,
  options: { readonly input?: readonly string[] | undefined; readonly tuned: boolean },
): Promise<BranchedResult> {
  const { floats, values } = readBranchedInputs(mask, env, call.batch, options.input);
  const operator = await loadBranched(executor, mask, options.tuned);
  const { q, k, v } = tensors;
  const result = await operator.run({ q: q.data, k: k.data, v: v.data, floats }, { ...call, params: env.params ?? {}, inputs: values });
  operator.destroy();
  return result;
}
