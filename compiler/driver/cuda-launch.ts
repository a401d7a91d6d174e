import type { MaskModule } from "../mask/ir.js";
import { cudaKernels, problemsOf } from "../targets/cuda/operator.js";
import { attentionModule } from "../targets/manifest.js";
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
  const cuda = cudaKernels(module, problemsOf(module, dtypes, dimsOf(module, headDims)));
  return { ...attentionModule(module, { uniforms: uniformFields(module), variants: [] }), cuda };
}
