import type { CompiledCudaOperator } from "../bindings/c/operator.js";
import { printLaunch } from "../bindings/c/launch.js";
import type { MaskModule } from "../mask/ir.js";
import { cudaModule } from "./cuda-launch.js";
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

/** The whole `.cu` of an operator: its kernels, and the function that launches them. */
export const cudaSource = ({ mask, launch }: CompiledCudaOperator): string => `${launch.cuda.source}\n${printLaunch(mask, launch)}`;
