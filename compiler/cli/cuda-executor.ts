import { cudaBranchedModule, cudaModule } from "../driver/cuda-launch.js";
import type { BranchedMask } from "../mask/branched.js";
import type { MaskModule } from "../mask/ir.js";
import { createCudaBranchedAttention } from "../../runtime/cuda/branches/operator.js";
import { chooseKernel, keyOrderKernel } from "../../runtime/cuda/choose.js";
import type { CudaBranchedAttention } from "../../runtime/cuda/branches/operator.js";
import type { CudaDevice } from "../../runtime/cuda/device.js";
import type { CudaKernel } from "../../runtime/cuda/module.js";
import { createCudaAttention } from "../../runtime/cuda/operator.js";
import type { CudaAttention, CudaAttentionOptions } from "../../runtime/cuda/operator.js";
import { runWithTailsOnCuda } from "../../runtime/verify/cuda.js";
import type { Executor, LoadedOperator } from "./executor.js";
import { toLaunchInput } from "./input-forms.js";
import { launchCall } from "./launch-call.js";

/** A CUDA device, and the kernel to use on it where one was asked for by name. */
export interface CudaExecutor extends Executor {
  readonly cuda: CudaDevice;
  readonly options: CudaKernelOptions;
}

/** A kernel by name, and the order of pairs. */
export type CudaKernelOptions = Pick<CudaAttentionOptions, "kernel" | "order">;

/** What a device is called in messages: `NVIDIA H100 PCIe (CUDA, sm_90)`. */
const describe = ({ properties: { name, architecture } }: CudaDevice): string => `${name} (CUDA, sm_${architecture})`;

/** Opens the first CUDA device. Rejects with an AttnError where package, driver or device are missing. */
export async function openCudaExecutor(options: CudaKernelOptions): Promise<CudaExecutor> {
  const { openCudaDevice } = await import("../../runtime/device/cuda.js");
  const cuda = await openCudaDevice();
  return { description: describe(cuda), onDevice: true, cuda, options, load: (module) => loadCuda(cuda, module, options) };
}

/** An operator of a module on a CUDA device. Rejects where the device has no such kernel. */
export async function loadCudaAttention(
  cuda: CudaDevice,
  module: MaskModule,
  options: CudaKernelOptions,
  heads: Pick<MaskModule["shape"], "heads" | "kvHeads"> = module.shape,
): Promise<CudaAttention> {
  const { headDim, valueDim } = module.shape;
  const printed = compiledModule(cuda, module, options);
  return createCudaAttention(cuda, printed, { heads: heads.heads, kvHeads: heads.kvHeads, headDim, valueDim }, options);
}

/** An operator of an attention with branches on a CUDA device. */
export function loadCudaBranched(
  cuda: CudaDevice,
  mask: BranchedMask,
  options: CudaKernelOptions,
): (heads: number, kvHeads: number) => Promise<CudaBranchedAttention> {
  const { headDim, valueDim } = mask.shape;
  const { name, shape } = mask;
  const module = cudaBranchedModule(mask, [], { pick: used(cuda, { name, shape }, options) });
  return (heads, kvHeads) => createCudaBranchedAttention(cuda, module, { heads, kvHeads, headDim, valueDim }, options);
}

/** Of the kernels of a module those that are run, that of query order and that of key order: the others need not be compiled. */
const used =
  (cuda: CudaDevice, { name, shape }: Pick<MaskModule, "name" | "shape">, { kernel, order }: CudaKernelOptions) =>
  (kernels: readonly CudaKernel[]): readonly CudaKernel[] => {
    const module = { name, cuda: { kernels } };
    const chosen = chooseKernel(module, shape, shape.dtype, cuda.properties, kernel);
    const keys = order === "queries" ? undefined : keyOrderKernel(module, shape, chosen, cuda.properties);
    return keys === undefined || keys === chosen ? [chosen] : [chosen, keys];
  };

const compiled = new WeakMap<MaskModule, Map<string, ReturnType<typeof cudaModule>>>();

/** A module with the kernels that are run, printed once. */
function compiledModule(cuda: CudaDevice, module: MaskModule, options: CudaKernelOptions): ReturnType<typeof cudaModule> {
  const key = `${options.kernel ?? ""}/${options.order ?? ""}`;
  let byOptions = compiled.get(module);
  if (byOptions === undefined) compiled.set(module, (byOptions = new Map()));
  let found = byOptions.get(key);
  if (found === undefined) byOptions.set(key, (found = cudaModule(module, [], { pick: used(cuda, module, options) })));
  return found;
}

/** A kernel of an operator, to be run with any numbers of heads. */
async function loadCuda(cuda: CudaDevice, module: MaskModule, options: CudaKernelOptions): Promise<LoadedOperator> {
  const operators = new Map<string, Promise<CudaAttention>>();
  const withHeads = (heads: number, kvHeads: number): Promise<CudaAttention> => {
    const key = `${heads}/${kvHeads}`;
    let operator = operators.get(key);
    if (!operator) operators.set(key, (operator = loadCudaAttention(cuda, module, options, { heads, kvHeads })));
    return operator;
  };
  const first = await withHeads(module.shape.heads, module.shape.kvHeads);
  return {
    tiles: first.kernel,
    variant: first.kernel.name,
    tuned: false,
    weights: first.kernel.weights,
    async run(tensors, call) {
      const operator = await withHeads(call.heads, call.kvHeads);
      const inputs = Object.fromEntries(Object.entries(call.inputs).map(([name, value]) => [name, toLaunchInput(value)]));
      return runWithTailsOnCuda(operator, tensors, inputs, launchCall(call), call.reuse);
    },
    destroy() {
      for (const operator of operators.values()) void operator.then((each) => each.destroy());
    },
  };
}
