import { launchBranched } from "../driver/branched.js";
import type { BranchedMask } from "../mask/branched.js";
import type { MaskModule } from "../mask/ir.js";
import { createBranchedAttention } from "../../runtime/launch/branches/operator.js";
import type { BranchedOperator } from "../../runtime/launch/branches/operator.js";
import { windowCount } from "../../runtime/launch/branches/module.js";
import { roundTo } from "../../runtime/reference/formats.js";
import { mixRow } from "../../runtime/reference/mix.js";
import type { OpenedDevice } from "../../runtime/device/open.js";
import type { CudaBranchedAttention } from "../../runtime/cuda/branches/operator.js";
import type { CudaExecutor } from "./cuda-executor.js";
import { kernelFor } from "./executor.js";
import type { Executor, ExecutorCall, LoadedOperator } from "./executor.js";
import { toLaunchInput } from "./input-forms.js";
import { launchCall } from "./launch-call.js";

/** Tensors of a call of an attention with branches, each exactly as long as it has elements. */
export interface BranchedTensors {
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
  /** Gates and pooled tensors by name. */
  readonly floats: Readonly<Record<string, Float32Array>>;
}

export interface BranchedResult {
  readonly out: Float32Array;
  readonly lse?: Float32Array | undefined;
}

/** An attention with branches on a device. */
export interface LoadedBranched {
  run(tensors: BranchedTensors, call: ExecutorCall): Promise<BranchedResult>;
  destroy(): void;
}

/** Loads the kernels of the branches and the one that mixes them; without a device the interpreter runs the branches. */
export async function loadBranched(executor: Executor, mask: BranchedMask, tuned: boolean): Promise<LoadedBranched> {
  if (executor.gpu !== undefined) return onDevice(webGpu(executor.gpu, mask, tuned));
  if (executor.onDevice) {
    const { cuda, options } = executor as CudaExecutor;
    return onDevice((await import("./cuda-executor.js")).loadCudaBranched(cuda, mask, options));
  }
  const operators = await Promise.all(mask.branches.map(({ module }) => executor.load(module)));
  return interpreted(mask, operators);
}

/** Makes the operator for so many heads. */
type Create = (heads: number, kvHeads: number) => Promise<Pick<BranchedOperator | CudaBranchedAttention, "run" | "destroy">>;

function webGpu(gpu: OpenedDevice, mask: BranchedMask, tuned: boolean): Create {
  const { headDim, valueDim } = mask.shape;
  // A winner stands first among the kernels of its branch.
  const compile = (module: MaskModule) => {
    const { compiled, variant } = kernelFor(gpu, module, tuned);
    const first = compiled.variants.filter(({ name }) => variant === undefined || name === variant);
    return { ...compiled, variants: first };
  };
  const launch = launchBranched(mask, compile);
  return (heads, kvHeads) => createBranchedAttention(gpu.device, launch, { heads, kvHeads, headDim, valueDim }, { profile: gpu.profile });
}

function onDevice(create: Create): LoadedBranched {
  const operators = new Map<string, ReturnType<Create>>();
  const withHeads = (heads: number, kvHeads: number): ReturnType<Create> => {
    const key = `${heads}/${kvHeads}`;
    let operator = operators.get(key);
    if (!operator) operators.set(key, (operator = create(heads, kvHeads)));
    return operator;
  };
  return {
    async run({ q, k, v, floats }, call) {
      const operator = await withHeads(call.heads, call.kvHeads);
      const inputs = Object.fromEntries(Object.entries(call.inputs).map(([name, value]) => [name, toLaunchInput(value)]));
      return operator.run({ ...inputs, ...floats, q, k, v }, launchCall(call));
    },
    destroy() {
      for (const operator of operators.values()) void operator.then((each) => each.destroy());
    },
  };
}

/** What one branch computes in a call, by a kernel of its own or the interpreter; undefined where it has no keys. */
export async function runBranch(
  mask: BranchedMask,
  index: number,
  operator: LoadedOperator,
  { q, k, v, floats }: BranchedTensors,
  call: ExecutorCall,
): Promise<{ readonly out: Float32Array; readonly lse: Float32Array } | undefined> {
  const { module, from } = mask.branches[index]!;
  const rows = call.batch * call.heads * call.queries;
  const results = { out: new Float32Array(rows * module.shape.valueDim), lse: new Float32Array(rows) };
  const params = Object.fromEntries(Object.entries(call.params).filter(([name]) => module.params.some((param) => param.name === name)));
  const read = [...module.inputs, ...(module.floatInputs ?? [])].map(({ name }) => name);
  const inputs = Object.fromEntries(Object.entries(call.inputs).filter(([name]) => read.includes(name)));
  if (from === undefined) return operator.run({ q, k, v, ...results }, { ...call, params, inputs });
  const { tokens } = module.windows!;
  const keys = windowCount(module.windows!, call.keys);
  if (keys === 0) return undefined;
  const callKeys = module.selections === undefined ? {} : { callKeys: k };
  const tensors = { q, k: floats[from.key]!, v: floats[from.value]!, ...callKeys, ...results };
  return operator.run(tensors, { ...call, keys, params: { ...params, [tokens]: call.keys }, inputs });
}

function interpreted(mask: BranchedMask, operators: readonly LoadedOperator[]): LoadedBranched {
  const { valueDim, dtype } = mask.shape;
  return {
    async run(tensors, call) {
      const rows = call.batch * call.heads * call.queries;
      const parts = [];
      for (const [i, operator] of operators.entries()) parts.push(await runBranch(mask, i, operator, tensors, call));
      const out = new Float32Array(rows * valueDim);
      const lse = new Float32Array(rows);
      let hasLse = false;
      for (let row = 0; row < rows; row++) {
        const mixed = mixRow(mask.mix, rowOf(mask, parts, tensors.floats, row));
        mixed.out.forEach(({ value }, d) => (out[row * valueDim + d] = roundTo(dtype, Math.fround(value))));
        hasLse = mixed.lse !== undefined;
        lse[row] = mixed.lse?.value ?? 0;
      }
      return hasLse ? { out, lse } : { out };
    },
    destroy() {
      for (const operator of operators) operator.destroy();
    },
  };
}

/** What a row is mixed of. */
export function rowOf(
  mask: BranchedMask,
  parts: readonly ({ readonly out: Float32Array; readonly lse: Float32Array } | undefined)[],
  floats: BranchedTensors["floats"],
  row: number,
): Parameters<typeof mixRow>[1] {
  const { valueDim } = mask.shape;
  const nothing = new Float32Array(valueDim);
  return {
    out: parts.map((part) => part?.out.subarray(row * valueDim, (row + 1) * valueDim) ?? nothing),
    lse: parts.map((part) => part?.lse[row] ?? -Infinity),
    gates: gatesOf(mask, floats, row),
  };
}

/** The gates of a row. */
export const gatesOf = (mask: BranchedMask, floats: BranchedTensors["floats"], row: number): Readonly<Record<string, Float32Array>> =>
  Object.fromEntries(mask.gates.map(({ name, count }) => [name, floats[name]!.subarray(row * count, (row + 1) * count)]));
