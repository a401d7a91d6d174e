import type { MaskModule } from "../mask/ir.js";
import type { Dims } from "../targets/wgsl/operator.js";

/** The dims an operator is compiled for. A value dim unlike the head dim goes with the declared head dim alone. */
export function dimsOf(module: MaskModule, headDims: readonly number[]): readonly Dims[] {
  const { headDim, valueDim } = module.shape;
  if (headDims.length === 0) return [{ headDim, valueDim }];
  return headDims.map((dim) => ({ headDim: dim, valueDim: valueDim === headDim ? dim : valueDim }));
}
