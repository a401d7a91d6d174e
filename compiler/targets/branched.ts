import type { Branch, BranchedMask } from "../mask/branched.js";
import { hasLse } from "../mask/branched.js";
import type { LaunchVariable } from "../../runtime/launch/module.js";
import type { AttentionModule, UniformField } from "../../runtime/launch/module.js";
import type { BranchedRules, WindowsSpec } from "../../runtime/launch/branches/module.js";
import { lengthRule } from "./manifest.js";
import { weighed } from "./print/mix.js";

/** What a launcher must know of an attention with branches, whatever its kernels are: a module for each branch, in their order. */
export function branchedRules<Module extends AttentionModule>(mask: BranchedMask, modules: readonly Module[]): BranchedRules<Module> {
  return {
    name: mask.name,
    call: callRules(mask, modules),
    branches: mask.branches.map((branch, i) => ({ name: branch.name, module: modules[i]!, ...windowsOf(branch) })),
    gates: mask.gates,
    mix: { weighs: weighed(mask.mix), lse: hasLse(mask.mix) },
  };
}

function windowsOf({ from, module }: Branch): { readonly windows?: WindowsSpec } {
  if (from === undefined) return {};
  const { n, stride, tokens } = module.windows!;
  return { windows: { ...from, n, stride, tokens } };
}

/** What a call is checked against: what the branches ask for, together. */
function callRules(mask: BranchedMask, modules: readonly AttentionModule[]): AttentionModule {
  const { heads, kvHeads, headDim, valueDim, dtype } = mask.shape;
  const uses = new Set(modules.flatMap((module) => module.uses));
  return {
    name: mask.name,
    space: mask.space.kind,
    dtype,
    length: lengthRule(mask),
    maxLength: Math.min(...modules.map((module) => module.maxLength)),
    defaults: { heads, kvHeads, headDim, valueDim },
    fixed: Object.assign({}, ...modules.map((module) => module.fixed)) as AttentionModule["fixed"],
    params: mask.params.map(({ name, default: value, min }) => ({
      name,
      ...(value === undefined ? {} : { default: value }),
      ...(min === undefined ? {} : { min }),
    })),
    phases: mask.phases,
    uses: (["layer", "layers", "step", "steps", "phase"] as const).filter((name: LaunchVariable) => uses.has(name)),
    inputs: mask.inputs,
    uniforms: mask.params.map(({ name }): UniformField => ({ name, type: "i32", source: { kind: "param", name } })),
    variants: [],
  };
}
