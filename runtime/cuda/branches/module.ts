import type { BranchedRules } from "../../launch/branches/module.js";
import type { CudaModule } from "../module.js";

/** Threads of a block of a mix; each makes four numbers of the output. */
export const CUDA_MIX_THREADS = 256;

/**
 * An attention with branches in CUDA. The kernels of all branches and those that mix their outputs are in one `source`, which
 * is also that of each branch's module. A kernel that mixes is `mixSymbol`, `_` and its dtype. Its parameters: a struct of
 * the groups of four numbers of the output (int64) and of one row (int32), 1 where an lse is written (int32), and a bit for
 * each branch that has no keys in the call (uint32); the outputs of all branches; the lse of those that `mix.weighs` names;
 * the gates; the output; and with `mix.lse` that too.
 */
export interface CudaBranchedModule extends BranchedRules<CudaModule> {
  readonly source: string;
  readonly mixSymbol: string;
}
