import type { MaskModule } from "../../mask/ir.js";
import type { CudaModule } from "../../../runtime/cuda/module.js";

/** One attention declaration with its CUDA source. */
export interface CompiledCudaOperator {
  readonly mask: MaskModule;
  readonly launch: CudaModule;
}
