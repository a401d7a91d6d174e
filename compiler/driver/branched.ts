import type { BranchedMask } from "../mask/branched.js";
import type { MaskModule } from "../mask/ir.js";
import { branchedRules } from "../targets/branched.js";
import { printMix } from "../targets/wgsl/mix.js";
import type { BranchedModule } from "../../runtime/launch/branches/module.js";
import type { AttentionModule } from "../../runtime/launch/module.js";
import { launchModule } from "./launch.js";

export type { BranchedModule };

/** The launch manifest of an attention with branches, with the kernels of each, as `compile` makes them, and the one that mixes their outputs. */
export function launchBranched(
  mask: BranchedMask,
  compile: (module: MaskModule) => AttentionModule = (module) => launchModule(module),
): BranchedModule {
  const rules = branchedRules(
    mask,
    mask.branches.map((branch) => compile(branch.module)),
  );
  return { ...rules, mix: { ...rules.mix, wgsl: printMix(mask) } };
}
