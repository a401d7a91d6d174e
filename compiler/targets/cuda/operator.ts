import type { MaskModule } from "../../mask/ir.js";
import { fullKeyOrder, lower } from "../../program/lower.js";
import type { KeyOrderPrograms } from "../../program/lower.js";
import { symbolStem } from "../../../runtime/cuda/module.js";
import type { CudaDtype, CudaKernel, CudaModule } from "../../../runtime/cuda/module.js";
import { gatheredLists } from "../../tiles/walks.js";
import { uniformFields } from "../print/uniforms.js";
import { FAMILIES } from "./families.js";
import type { CudaProblem, CudaSchedule, Family } from "./family.js";
import { packsHeads } from "./pattern.js";
import { cudaSelection } from "./select/source.js";
import type { CudaSelection } from "./select/source.js";
import { printOperator, printSource } from "./source.js";
import type { OperatorText } from "./source.js";

/** The kernels of an operator, with their text before it has become a source. */
export interface PrintedKernels extends Omit<CudaModule["cuda"], "source"> {
  readonly operator: OperatorText;
}

/** Which of the kernels for one problem are printed. */
export type PickKernels = (kernels: readonly CudaKernel[]) => readonly CudaKernel[];

/** Prints the kernels of an operator for each of the problems, with what a launcher must know of them, best first: all, or those picked. */
export function printKernels(
  module: MaskModule,
  problems: readonly CudaProblem[],
  families: readonly Family[] = FAMILIES,
  selection: CudaSelection | undefined = cudaSelection(module, dtypesOf(problems)),
  pick: PickKernels = (kernels) => kernels,
): PrintedKernels {
  const instances = problems.flatMap((problem) => {
    const reason = refusal(problem);
    if (reason !== undefined) throw new Error(`no CUDA kernel for dims ${problem.headDim}, ${problem.valueDim}: ${reason}`);
    const possible = families.flatMap((family) => {
      const schedule = family.schedule(problem);
      if (schedule === undefined) return [];
      const shaped = shapedFor(module, problem);
      const keys = family.tile === undefined ? undefined : fullKeyOrder(shaped, schedule, module);
      const kernel = kernelOf(module, problem, family, schedule, keys);
      return [{ family, schedule, problem, keys, kernel, program: () => lower(shaped, schedule, module) }];
    });
    const picked = pick(possible.map(({ kernel }) => kernel));
    return possible.filter(({ kernel }) => picked.includes(kernel)).map((each) => ({ ...each, program: each.program() }));
  });
  return {
    operator: printOperator(module, uniformFields(module), instances, selection),
    kernels: instances.map(({ kernel }) => kernel),
    ...(selection === undefined ? {} : { stages: selection.kernels }),
  };
}

/** The CUDA source of an operator and its kernels: see {@link printKernels}. */
export function cudaKernels(...of: Parameters<typeof printKernels>): CudaModule["cuda"] {
  const { operator, ...rest } = printKernels(...of);
  return { ...rest, source: printSource(operator) };
}

export const dtypesOf = (problems: readonly CudaProblem[]): readonly CudaDtype[] => [...new Set(problems.map(({ dtype }) => dtype))];

/** Why there is no kernel for a problem, or undefined where there is one. */
export function refusal(problem: CudaProblem): string | undefined {
  const { headDim, valueDim } = problem;
  if (headDim % 4 !== 0 || valueDim % 4 !== 0) return "head dims must be multiples of 4";
  if (FAMILIES.every((family) => family.schedule(problem) === undefined)) return "no family of kernels has tiles of that size";
  return undefined;
}

const shapedFor = (module: MaskModule, { headDim, valueDim }: CudaProblem): MaskModule => ({
  ...module,
  shape: { ...module.shape, headDim, valueDim },
});

function kernelOf(
  module: MaskModule,
  problem: CudaProblem,
  family: Family,
  schedule: CudaSchedule,
  keys: KeyOrderPrograms | undefined,
): CudaKernel {
  const { dtype, headDim, valueDim } = problem;
  const { tileQ, tileK, threads, sharedBytes, persistent, tensorMaps } = schedule;
  const symbol = `${symbolStem(module.name)}_${family.name}_${dtype}_d${headDim}${valueDim === headDim ? "" : `x${valueDim}`}`;
  return {
    name: `${family.name}-${dtype}`,
    symbol,
    architecture: family.architecture,
    architectureOnly: family.architectureOnly,
    dtype,
    headDim,
    valueDim,
    tileQ,
    tileK,
    threads,
    sharedBytes,
    persistent,
    packsHeads: packsHeads(module),
    ...(family.roundsWeights ? { weights: dtype } : {}),
    ...(tensorMaps === undefined ? {} : { tensorMaps }),
    ...(keys === undefined
      ? {}
      : { keyOrder: { chosen: `${symbol}_chosen`, ...(keys.rest === undefined ? {} : { rest: `${symbol}_rest` }) } }),
  };
}

/** All pairs of a dtype and dims of an operator. */
export function problemsOf(
  module: MaskModule,
  dtypes: readonly CudaDtype[],
  dims: readonly { readonly headDim: number; readonly valueDim: number }[],
): readonly CudaProblem[] {
  return dtypes.flatMap((dtype) =>
    dims.map((pair) => ({ dtype, ...pair, gathered: module.layout !== undefined || gatheredLists(module).length > 0 })),
  );
}
