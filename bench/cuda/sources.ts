import { printTorch } from "../../compiler/bindings/torch/operator.js";
import { pythonName } from "../../compiler/bindings/torch/names.js";
import { cudaSource } from "../../compiler/driver/cuda-source.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { FAMILIES } from "../../compiler/targets/cuda/families.js";
import type { Family } from "../../compiler/targets/cuda/family.js";
import { cudaKernels, dtypesOf, problemsOf } from "../../compiler/targets/cuda/operator.js";
import { cudaSelection } from "../../compiler/targets/cuda/select/source.js";
import { attentionModule } from "../../compiler/targets/manifest.js";
import { selectionSpec } from "../../compiler/targets/selection-spec.js";
import { uniformFields } from "../../compiler/targets/print/uniforms.js";
import type { CudaDtype, CudaKernel } from "../../runtime/cuda/module.js";

/** An operator's `.cu` and its operator of PyTorch, and what the scripts must know of them. */
export interface Sources {
  readonly stem: string;
  readonly files: readonly { readonly name: string; readonly text: string }[];
  /** As the manifest has them. */
  readonly kernels: readonly CudaKernel[];
}

export interface SourceChoice {
  readonly stem: string;
  readonly version: string;
  readonly dtypes: readonly CudaDtype[];
  readonly headDims: readonly number[];
  /** All, as `attnc build` writes them, or only some. */
  readonly families?: readonly Family[] | undefined;
}

/**
 * What `attnc build --target torch` writes, under a name of its own: several builds of one operator live in one process.
 * Undefined where no family has kernels for any of the dtypes and dims.
 */
export function sourcesOf(mask: MaskModule, { stem, version, dtypes, headDims, families = FAMILIES }: SourceChoice): Sources | undefined {
  const dims = headDims.map((dim) => ({ headDim: dim, valueDim: dim }));
  const problems = problemsOf(mask, dtypes, dims).filter((problem) => families.some((family) => family.schedule(problem) !== undefined));
  if (problems.length === 0) return undefined;
  const named: MaskModule = { ...mask, name: stem, shape: { ...mask.shape, dtype: dtypes[0]! } };
  const selection = cudaSelection(named, dtypesOf(problems));
  const cuda = cudaKernels(named, problems, families, selection);
  const spec = selection && selectionSpec(named, selection);
  const launch = { ...attentionModule(named, { uniforms: uniformFields(named), variants: [], selection: spec }), cuda };
  return {
    stem,
    files: [
      { name: `${stem}.cu`, text: cudaSource({ mask: named, launch }) },
      { name: `${stem}.py`, text: printTorch({ mask: named, launch }, { version, source: mask.origin, cuda: `${stem}.cu` }) },
    ],
    kernels: cuda.kernels,
  };
}

export { FAMILIES, pythonName };
