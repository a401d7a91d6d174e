import { diagnostic } from "../diagnostics/report.js";
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

/** What an operator depends on and was not given. */
export function missing(name: string, problems: readonly Missing[]): Stop {
  return new Stop(
    problems.map((problem) => diagnostic("ATTN6210", undefined, { name, ...problem })),
    EXIT.usage,
  );
}
