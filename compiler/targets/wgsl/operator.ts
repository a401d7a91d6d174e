import type { MaskModule } from "../../mask/ir.js";
import { fullKeyOrder, lower } from "../../program/lower.js";
import type { KeyOrderPrograms } from "../../program/lower.js";
import type { TileProgram } from "../../program/ir.js";
import { chooseSchedule, legalSchedules, SHIPPED_PROFILES } from "../../schedule/profiles.js";
import { hasMatrices, threadsOf, workgroupBytes } from "../../schedule/schedule.js";
import type { Profile, Schedule } from "../../schedule/schedule.js";
import type { KernelVariant, UniformField } from "../../../runtime/launch/module.js";
import { printKeyOrderKernels } from "./key-order.js";
import { printKernel } from "./kernel.js";
import { printSplitKernels } from "./split.js";
import { keyRowBytes } from "./token-rows.js";
import { uniformFields } from "../print/uniforms.js";

/** One head dim and value dim a kernel is made for. */
export interface Dims {
  readonly headDim: number;
  readonly valueDim: number;
}

/** A kernel with the levels it came from, for printing and for tests. */
export interface CompiledVariant {
  readonly program: TileProgram;
  readonly schedule: Schedule;
  readonly variant: KernelVariant;
}

/** Which schedules of an operator are compiled. */
export interface ScheduleChoice {
  /** Kinds of devices; without it those that generated files carry. */
  readonly profiles?: readonly Profile[] | undefined;
  /** Every legal schedule of each profile, for choosing by measuring, in place of the best one. */
  readonly all?: boolean | undefined;
}

/** All kernels of an operator: for each pair of dims, kind of device and way of reading 16-bit tensors, best first. */
export function wgslVariants(module: MaskModule, dims: readonly Dims[], choice: ScheduleChoice = {}): readonly CompiledVariant[] {
  if (module.shape.dtype === "bf16")
    throw new Error(`${module.name} is of dtype bf16, which WGSL does not have; it should have been refused`);
  const fields = uniformFields(module);
  const halves: readonly Schedule["half"][] = module.shape.dtype === "f16" ? ["native", "packed"] : ["none"];
  return dims.flatMap((pair) => {
    const shaped: MaskModule = { ...module, shape: { ...module.shape, ...pair } };
    const schedules = (choice.profiles ?? SHIPPED_PROFILES).flatMap((profile) =>
      halves.flatMap((half) =>
        choice.all === true ? legalSchedules(profile, shaped.shape, half) : [chooseSchedule(profile, shaped.shape, half)],
      ),
    );
    return schedules.map((schedule) => {
      const program = lower(shaped, schedule, module);
      return { program, schedule, variant: variantOf(program, schedule, fields, fullKeyOrder(shaped, schedule, module)) };
    });
  });
}

function featuresOf(schedule: Schedule): GPUFeatureName[] {
  const half: GPUFeatureName[] = schedule.half === "native" ? ["shader-f16"] : [];
  if (schedule.layout === "rows") return half;
  if (hasMatrices(schedule)) return [...half, "subgroups", MATRIX_FEATURE];
  return schedule.exchange === "subgroups" ? [...half, "subgroups"] : half;
}

/** Not in WebGPU yet, and in no list of its features: Dawn's name for it. */
const MATRIX_FEATURE = "chromium-experimental-subgroup-matrix" as GPUFeatureName;

function variantOf(
  program: TileProgram,
  schedule: Schedule,
  fields: readonly UniformField[],
  keys: KeyOrderPrograms | undefined,
): KernelVariant {
  const { shape } = program.module;
  return {
    name: schedule.name,
    profile: schedule.profile,
    features: featuresOf(schedule),
    headDim: shape.headDim,
    valueDim: shape.valueDim,
    tileQ: schedule.tileQ,
    tileK: schedule.tileK,
    threads: threadsOf(schedule),
    ...(hasMatrices(schedule) ? { matrices: schedule.matrices } : {}),
    workgroupBytes: workgroupBytes(schedule, shape) + keyRowBytes(program, schedule),
    wgsl: printKernel(program, schedule, fields),
    // A device that computes a few rows at a time has nothing to gain.
    ...(schedule.profile === "gpu" ? { split: printSplitKernels(program, schedule, fields) } : {}),
    ...(keys === undefined ? {} : { keyOrder: printKeyOrderKernels(keys, schedule, fields) }),
  };
}
