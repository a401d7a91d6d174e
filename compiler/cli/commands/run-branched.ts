import { diagnostic } from "../../diagnostics/report.js";
import { wholeModule } from "../../mask/branched.js";
import type { BranchedMask } from "../../mask/branched.js";
import type { MaskEnv } from "../../mask/evaluate.js";
import { windowCount } from "../../../runtime/launch/branches/module.js";
import { toFloats } from "../../../runtime/tensor/convert.js";
import { loadBranched } from "../branched-executor.js";
import type { BranchedResult } from "../branched-executor.js";
import type { Executor, ExecutorCall } from "../executor.js";
import { pairs } from "../flags.js";
import { readInputs } from "../inputs.js";
import { EXIT, Stop } from "../stop.js";
import { expectShape, readTensorFile } from "../tensors.js";
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
  const floats = readFloatInputs(mask, env, call.batch, options.input);
  const others = options.input?.filter((text) => !(text.split("=")[0]! in floats));
  const { values } = readInputs(wholeModule(mask), env, others, call.batch);
  const operator = await loadBranched(executor, mask, options.tuned);
  const { q, k, v } = tensors;
  const result = await operator.run({ q: q.data, k: k.data, v: v.data, floats }, { ...call, params: env.params ?? {}, inputs: values });
  operator.destroy();
  return result;
}

/** Gates and pooled tensors of `--input NAME=FILE`. */
function readFloatInputs(
  mask: BranchedMask,
  env: Pick<MaskEnv, "N" | "NQ" | "heads" | "kvHeads">,
  batch: number,
  option: readonly string[] | undefined,
): Readonly<Record<string, Float32Array>> {
  const files = pairs("--input", option);
  const { headDim, valueDim } = mask.shape;
  const floats: Record<string, Float32Array> = {};
  const read = (name: string, kind: string, shape: readonly number[]): void => {
    const path = files.get(name);
    if (path === undefined) throw new Stop([diagnostic("ATTN6206", undefined, { name: mask.name, input: name, kind })], EXIT.usage);
    const tensor = readTensorFile(path);
    expectShape(name, tensor.shape, shape, ["batch", "heads", "rows", "numbers"], `it has ${kind}`);
    const { data, error } = toFloats(tensor, name);
    if (error) throw new Stop([{ code: error.code, severity: "error", message: error.message, hint: error.hint }]);
    floats[name] = data;
  };
  for (const { name, count } of mask.gates) read(name, `${count} numbers for each query and head`, [batch, env.heads, env.NQ, count]);
  for (const { from, module } of mask.branches) {
    if (from === undefined) continue;
    const { n, stride } = module.windows!;
    const kind = `a vector for each window of ${n} keys, one every ${stride}`;
    const rows = windowCount({ n, stride }, env.N);
    if (!(from.key in floats)) read(from.key, kind, [batch, env.kvHeads, rows, headDim]);
    if (!(from.value in floats)) read(from.value, kind, [batch, env.kvHeads, rows, valueDim]);
  }
  return floats;
}
