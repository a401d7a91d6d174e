import { diagnostic } from "../diagnostics/report.js";
import { wholeModule } from "../mask/branched.js";
import type { BranchedMask } from "../mask/branched.js";
import type { MaskEnv } from "../mask/evaluate.js";
import { windowCount } from "../../runtime/launch/branches/module.js";
import { toFloats } from "../../runtime/tensor/convert.js";
import type { BranchedTensors } from "./branched-executor.js";
import { pairs } from "./flags.js";
import { readInputs } from "./inputs.js";
import type { GivenInputs } from "./inputs.js";
import { EXIT, Stop } from "./stop.js";
import { expectShape, readTensorFile } from "./tensors.js";

/** Reads the tensors of `--input NAME=FILE`: gates and pooled tensors, and what the masks and selections of branches read. */
export function readBranchedInputs(
  mask: BranchedMask,
  env: MaskEnv,
  batch: number,
  option: readonly string[] | undefined,
): GivenInputs & Pick<BranchedTensors, "floats"> {
  const floats = readFloatInputs(mask, env, batch, option);
  const whole = wholeModule(mask);
  const read = new Set([...whole.inputs, ...(whole.floatInputs ?? [])].map(({ name }) => name));
  const others = option?.filter((text) => {
    const name = text.split("=")[0]!;
    return !(name in floats) || read.has(name);
  });
  return { floats, ...readInputs(whole, env, others, batch) };
}

/** Gates and pooled tensors. */
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
