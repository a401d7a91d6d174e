import type { CudaBranchedModule } from "./branches/module.js";
import type { CudaDtype, CudaModule } from "./module.js";

/** What a device must have at least to run an operator's kernels of one type and pair of dims. */
export interface CudaRequirements {
  readonly dtype: CudaDtype;
  readonly headDim: number;
  readonly valueDim: number;
  /** Least compute capability, times ten. */
  readonly architecture: number;
  /** Shared memory that one block may ask for, in bytes, of the kernel with that compute capability that asks for the least. */
  readonly sharedBytes: number;
}

/** What a module's kernels ask of a device, for each type and pair of dims; a device may have better kernels than the least. */
export function cudaRequirements({ cuda: { kernels } }: CudaModule): readonly CudaRequirements[] {
  const least: CudaRequirements[] = [];
  for (const { dtype, headDim, valueDim, architecture, sharedBytes } of kernels) {
    const found = least.findIndex((one) => one.dtype === dtype && one.headDim === headDim && one.valueDim === valueDim);
    const one = { dtype, headDim, valueDim, architecture, sharedBytes };
    const other = least[found];
    if (other === undefined) least.push(one);
    else if (architecture < other.architecture || (architecture === other.architecture && sharedBytes < other.sharedBytes))
      least[found] = one;
  }
  return least;
}

/** As {@link cudaRequirements}, for the types and dims that all branches have kernels for: what the most demanding of them asks. */
export function cudaBranchedRequirements({ branches }: CudaBranchedModule): readonly CudaRequirements[] {
  const [first = [], ...others] = branches.map(({ module }) => cudaRequirements(module));
  return first.flatMap((one) => {
    const same = others.map((all) =>
      all.find((each) => each.dtype === one.dtype && each.headDim === one.headDim && each.valueDim === one.valueDim),
    );
    if (same.includes(undefined)) return [];
    const most = (of: "architecture" | "sharedBytes"): number => Math.max(one[of], ...same.map((each) => each![of]));
    return [{ ...one, architecture: most("architecture"), sharedBytes: most("sharedBytes") }];
  });
}
