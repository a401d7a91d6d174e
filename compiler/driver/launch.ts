import type { MaskModule } from "../mask/ir.js";
import { attentionModule } from "../targets/manifest.js";
import { selectionSpec } from "../targets/selection-spec.js";
import { wgslVariants } from "../targets/wgsl/operator.js";
import type { ScheduleChoice } from "../targets/wgsl/operator.js";
import { wgslSelection } from "../targets/wgsl/select.js";
import { uniformFields } from "../targets/print/uniforms.js";
import type { AttentionModule } from "../../runtime/launch/module.js";
import { dimsOf } from "./dims.js";

export type { AttentionModule, ScheduleChoice };

/**
 * The launch manifest of an operator with its kernels, for its own dims or for each of `headDims`; without
 * kernels for bf16, which WebGPU does not have.
 */
export function launchModule(module: MaskModule, headDims: readonly number[] = [], schedules?: ScheduleChoice): AttentionModule {
  const compiled = module.shape.dtype === "bf16" ? [] : wgslVariants(module, dimsOf(module, headDims), schedules);
  const variants = compiled.map(({ variant }) => variant);
  const selection = wgslSelection(module);
  return attentionModule(module, {
    uniforms: uniformFields(module),
    variants,
    ...(selection === undefined ? {} : { selection: selectionSpec(module, selection) }),
  });
}
