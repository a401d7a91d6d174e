import { diagnostic } from "../diagnostics/report.js";
import { hasLse } from "../mask/branched.js";
import type { BranchedMask } from "../mask/branched.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { usedLaunchVariables } from "../targets/print/uniforms.js";
import { EXIT, Stop } from "./stop.js";

interface Missing {
  readonly what: string;
  readonly option: string;
}

/** Refuses a call that lacks a launch variable or a parameter that the mask reads. */
export function requireCall(module: MaskModule, env: MaskEnv): void {
  const problems: readonly Missing[] = [
    ...usedLaunchVariables(module)
      .filter((name) => env[name] === undefined)
      .map((name) => ({
        what: name === "phase" ? `the phase (${module.phases.join(" or ")})` : `the variable \`${name}\``,
        option: `--${name}`,
      })),
    ...module.params
      .filter((param) => env.params?.[param.name] === undefined)
      .map((param) => ({ what: `the runtime parameter \`${param.name}\`, which has no default`, option: `--set ${param.name}=VALUE` })),
  ];
  if (problems.length > 0) throw missing(module.name, problems);
}

/** Refuses an operator whose dtype no WGSL kernel can have. */
export function requireWgslDtype({ name, shape }: MaskModule): void {
  if (shape.dtype === "bf16") throw new Stop([diagnostic("ATTN4004", undefined, { name })]);
}

/** Refuses an output without lse where one is asked for. */
export function requireLse(mask: BranchedMask): void {
  if (hasLse(mask.mix)) return;
  const expected = `no --lse: the output of ${mask.name} mixes its branches`;
  throw new Stop([diagnostic("ATTN5230", undefined, { field: "--lse", expected, found: "a file", remedy: "Leave it out." })], EXIT.usage);
}

/** What an operator depends on and was not given. */
export function missing(name: string, problems: readonly Missing[]): Stop {
  return new Stop(
    problems.map((problem) => diagnostic("ATTN6210", undefined, { name, ...problem })),
    EXIT.usage,
  );
}
