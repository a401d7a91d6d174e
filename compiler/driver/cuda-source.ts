import type { CompiledCudaOperator } from "../bindings/c/operator.js";
import { printBranchedLaunch } from "../bindings/c/branched.js";
import { printLaunch } from "../bindings/c/launch.js";
import type { CompiledCudaBranched } from "../bindings/c/whole.js";
import type { BranchedMask } from "../mask/branched.js";
import type { MaskModule } from "../mask/ir.js";
import { cudaBranchedModule, cudaModule } from "./cuda-launch.js";
import type { CudaDtype } from "./cuda-launch.js";

/** What kernels are made for; where empty, the shape of each operator says it. */
export interface CudaChoice {
  readonly headDims: readonly number[];
  readonly dtypes: readonly CudaDtype[];
}

/** An operator with its kernels for each of the types and dims. */
export function compileCuda(mask: MaskModule, { headDims, dtypes }: CudaChoice): CompiledCudaOperator {
  const { dtype } = mask.shape;
  const [first = dtype] = dtypes;
  // What is used where a caller names no type must be among those that there are kernels for.
  const typed = dtypes.includes(dtype) ? mask : { ...mask, shape: { ...mask.shape, dtype: first } };
  return { mask: typed, launch: cudaModule(typed, headDims, dtypes.length === 0 ? {} : { dtypes }) };
}

/** As {@link compileCuda}, of an attention with branches. */
export function compileCudaBranched(branched: BranchedMask, { headDims, dtypes }: CudaChoice): CompiledCudaBranched {
  const { dtype } = branched.shape;
  const [first = dtype] = dtypes;
  const typed = dtypes.includes(dtype) || dtypes.length === 0 ? branched : withDtype(branched, first);
  return { branched: typed, launch: cudaBranchedModule(typed, headDims, dtypes.length === 0 ? {} : { dtypes }) };
}

function withDtype(mask: BranchedMask, dtype: CudaDtype): BranchedMask {
  const shape = { ...mask.shape, dtype };
  return { ...mask, shape, branches: mask.branches.map((branch) => ({ ...branch, module: { ...branch.module, shape } })) };
}

/** The whole `.cu` of an operator: its kernels, and the function that launches them. */
export const cudaSource = ({ mask, launch }: CompiledCudaOperator): string => `${launch.cuda.source}\n${printLaunch(mask, launch)}`;

/** As {@link cudaSource}, of an attention with branches. */
export const cudaBranchedSource = (operator: CompiledCudaBranched): string => `${operator.launch.source}\n${printBranchedLaunch(operator)}`;
