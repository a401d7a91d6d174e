import { compileCuda, cudaSource } from "../driver/cuda-source.js";
import type { CudaChoice } from "../driver/cuda-source.js";
import { dimsName } from "../driver/file-names.js";
import { dimsOf } from "../driver/dims.js";
import type { ScheduleChoice } from "../driver/launch.js";
import type { MaskModule } from "../mask/ir.js";
import { printModule } from "../mask/print.js";
import { lower } from "../program/lower.js";
import { printProgram } from "../program/print.js";
import { lowerSelections } from "../select/lower.js";
import { printSelectionProgram } from "../select/print.js";
import { printSchedule } from "../schedule/print.js";
import { wgslVariants } from "../targets/wgsl/operator.js";
import { planTiles } from "../tiles/plan.js";
import { printPlan } from "../tiles/print.js";
import type { CudaKernel } from "../../runtime/cuda/module.js";

/** What `build --emit` prints of an operator: what it has become on its way to kernels. */
export const LEVELS = ["mask", "tiles", "program", "wgsl", "cuda"] as const;
export type Level = (typeof LEVELS)[number];

export interface LevelOptions extends CudaChoice {
  /** The kernels whose programs are meant. */
  readonly target: "wgsl" | "cuda";
  readonly schedules?: ScheduleChoice | undefined;
}

export function printLevel(module: MaskModule, level: Level, options: LevelOptions): string {
  switch (level) {
    case "mask":
      return printModule(module);
    case "tiles":
      return `${module.name}\n${printPlan(planTiles(module))}`;
    case "program":
      return selectionProgram(module) + (options.target === "cuda" ? cudaPrograms(module, options) : wgslPrograms(module, options));
    case "wgsl":
      return wgslVariants(module, dimsOf(module, options.headDims), options.schedules)
        .map(({ variant }) => variant.wgsl)
        .join("\n");
    case "cuda":
      return cudaSource(compileCuda(module, options));
  }
}

/** What is computed before the programs of kernels, where the mask looks at the data. */
function selectionProgram(module: MaskModule): string {
  const program = lowerSelections(module);
  return program === undefined ? "" : `${printSelectionProgram(program)}\n`;
}

function wgslPrograms(module: MaskModule, { headDims, schedules }: LevelOptions): string {
  return wgslVariants(module, dimsOf(module, headDims), schedules)
    .map(({ program, schedule }) => printSchedule(schedule, program.module.shape) + printProgram(program))
    .join("\n");
}

function cudaPrograms(module: MaskModule, options: LevelOptions): string {
  const program = (kernel: CudaKernel): string => {
    const { headDim, valueDim, dtype } = kernel;
    return printProgram(lower({ ...module, shape: { ...module.shape, headDim, valueDim, dtype } }, kernel));
  };
  return compileCuda(module, options)
    .launch.cuda.kernels.map((kernel) => describeKernel(kernel) + program(kernel))
    .join("\n");
}

function describeKernel(kernel: CudaKernel): string {
  const { name, tileQ, tileK, threads, sharedBytes, persistent, packsHeads } = kernel;
  return `schedule ${name}.${dimsName(kernel)}: ${threads} threads, tiles of ${tileQ} queries x ${tileK} keys
  ${sharedBytes} bytes of shared memory${packsHeads ? ", heads that share keys side by side in a tile" : ""}${persistent ? ", blocks that take one tile after another" : ""}
`;
}
