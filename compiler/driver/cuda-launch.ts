import type { MaskModule } from "../mask/ir.js";
import { FAMILIES } from "../targets/cuda/families.js";
import { cudaKernels, problemsOf } from "../targets/cuda/operator.js";
import { cudaSelection } from "../targets/cuda/select/source.js";
import { attentionModule } from "../targets/manifest.js";
import { selectionSpec } from "../targets/selection-spec.js";
import { uniformFields } from "../targets/print/uniforms.js";
import type { CudaDtype, CudaModule } from "../../runtime/cuda/module.js";
import { dimsOf } from "./dims.js";

export type { CudaDtype, CudaModule };

/** The launch manifest of an operator with its CUDA source, for its own dtype and dims or for each of those given. */
export function cudaModule(
  module: MaskModule,
  headDims: readonly number[] = [],
  { dtypes = [module.shape.dtype] }: { readonly dtypes?: readonly CudaDtype[] | undefined } = {},
): CudaModule {
  const selection = cudaSelection(module, dtypes);
  const cuda = cudaKernels(module, problemsOf(module, dtypes, dimsOf(module, headDims)), FAMILIES, selection);
  const kernels = { uniforms: uniformFields(module), variants: [], selection: selection && selectionSpec(module, selection) };
  return { ...attentionModule(module, kernels), cuda };
}
