import type { MaskModule } from "../../mask/ir.js";
import { lower } from "../../program/lower.js";
import type { TileProgram } from "../../program/ir.js";
import { chooseSchedule } from "../../schedule/profiles.js";
import { threadsOf, workgroupBytes } from "../../schedule/schedule.js";
import type { Profile, Schedule } from "../../schedule/schedule.js";
import { planTiles } from "../../tiles/plan.js";
import type { KernelVariant } from "../../../runtime/launch/module.js";
import { printKernel } from "./kernel.js";
import { uniformFields } from "./uniforms.js";

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

const profiles: readonly Profile[] = ["gpu", "software"];

/** All kernels of an operator: for each pair of dims, kind of device and way of reading 16-bit tensors, best first. */
export function wgslVariants(module: MaskModule, dims: readonly Dims[]): readonly CompiledVariant[] {
  const plan = planTiles(module);
  const fields = uniformFields(module);
  const halves: readonly Schedule["half"][] = module.shape.dtype === "f16" ? ["native", "packed"] : ["none"];
  return dims.flatMap(({ headDim, valueDim }) =>
    profiles.flatMap((profile) =>
      halves.map((half) => {
        const shaped: MaskModule = { ...module, shape: { ...module.shape, headDim, valueDim } };
        const schedule = chooseSchedule(profile, shaped.shape, half);
        const program = lower(shaped, schedule, plan);
        const variant: KernelVariant = {
          name: schedule.name,
          profile,
          features: half === "native" ? ["shader-f16"] : [],
          headDim,
          valueDim,
          tileQ: schedule.tileQ,
          tileK: schedule.tileK,
          threads: threadsOf(schedule),
          workgroupBytes: workgroupBytes(schedule, shaped.shape),
          wgsl: printKernel(program, schedule, fields),
        };
        return { program, schedule, variant };
      }),
    ),
  );
}
