import type { MaskEnv } from "./evaluate.js";
import type { MaskModule } from "./ir.js";

/** A module as its selections see it: where keys are windows, these are made over the keys of the call. */
export function ofCall(module: MaskModule): MaskModule {
  const { windows, ...others } = module;
  return windows === undefined ? module : { ...others, space: windows.space };
}

/** The environment of a call as its selections see it. */
export function envOfCall({ windows }: Pick<MaskModule, "windows">, env: MaskEnv): MaskEnv {
  return windows === undefined ? env : { ...env, N: env.params![windows.tokens]! };
}
