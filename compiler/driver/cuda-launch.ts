import type { BranchedMask } from "../mask/branched.js";
import type { MaskModule } from "../mask/ir.js";
import { branchedRules } from "../targets/branched.js";
import { FAMILIES } from "../targets/cuda/families.js";
import { printCudaMix } from "../targets/cuda/mix.js";
import { printKernels, problemsOf, type PickKernels, type PrintedKernels } from "../targets/cuda/operator.js";
import { cudaSelection } from "../targets/cuda/select/source.js";
import type { CudaSelection } from "../targets/cuda/select/source.js";
import { printBranchedSource, printSource } from "../targets/cuda/source.js";
import { attentionModule } from "../targets/manifest.js";
import { selectionSpec } from "../targets/selection-spec.js";
import { uniformFields } from "../targets/print/uniforms.js";
import type { CudaBranchedModule } from "../../runtime/cuda/branches/module.js";
import { symbolStem } from "../../runtime/cuda/module.js";
import type { CudaDtype, CudaModule } from "../../runtime/cuda/module.js";
import { dimsOf } from "./dims.js";

export type { CudaBranchedModule, CudaDtype, CudaModule };

interface Wanted {
  readonly dtypes?: readonly CudaDtype[] | undefined;
  /** Which kernels for one dtype and dims there are in the source; all without it. */
  readonly pick?: PickKernels | undefined;
}

/** The launch manifest of an operator with its CUDA source, for its own dtype and dims or for each of those given. */
export function cudaModule(
  module: MaskModule,
  headDims: readonly number[] = [],
  { dtypes = [module.shape.dtype], pick }: Wanted = {},
): CudaModule {
  const printed = printFor(module, headDims, dtypes, pick);
  return withSource(module, printed, printSource(printed.kernels.operator));
}

/** As {@link cudaModule}, of an attention with branches: all of them and the kernel that mixes their outputs in one source. */
export function cudaBranchedModule(
  mask: BranchedMask,
  headDims: readonly number[] = [],
  { dtypes = [mask.shape.dtype], pick }: Wanted = {},
): CudaBranchedModule {
  const printed = mask.branches.map(({ module }) => printFor(module, headDims, dtypes, pick));
  const operators = printed.map(({ kernels }) => kernels.operator);
  const source = printBranchedSource(mask, operators, printCudaMix(mask, dtypes));
  const modules = mask.branches.map(({ module }, i) => withSource(module, printed[i]!, source));
  return { ...branchedRules(mask, modules), mixSymbol: `${symbolStem(mask.name)}_mix`, source };
}

interface Printed {
  readonly kernels: PrintedKernels;
  readonly selection: CudaSelection | undefined;
}

function printFor(module: MaskModule, headDims: readonly number[], dtypes: readonly CudaDtype[], pick?: PickKernels): Printed {
  const selection = cudaSelection(module, dtypes);
  const problems = problemsOf(module, dtypes, dimsOf(module, headDims));
  return { selection, kernels: printKernels(module, problems, FAMILIES, selection, pick) };
}

function withSource(module: MaskModule, { kernels: { kernels, stages }, selection }: Printed, source: string): CudaModule {
  const spec = {
    uniforms: uniformFields(module),
    variants: [],
    keyOrder: kernels.some(({ keyOrder }) => keyOrder !== undefined),
    selection: selection && selectionSpec(module, selection),
  };
  return { ...attentionModule(module, spec), cuda: { source, kernels, ...(stages === undefined ? {} : { stages }) } };
}
