import type { ResolvedCall } from "./call.js";
import type { AttentionModule } from "./module.js";

/**
 * The name under which a launch is given the keys of the call, [batch, kvHeads, tokens, headDim], where its own keys are windows of
 * them and selections read them: no input can be called so.
 */
export const CALL_KEYS = "k of the call";

/** A module as its selections and inputs see it: where keys are windows, they are of the call's keys. */
export function moduleOfCall<Module extends AttentionModule>(module: Module): Module {
  return module.windows === undefined ? module : { ...module, space: module.windows.space, windows: undefined };
}

/** The call of such a module. */
export function callOfKeys({ windows }: Pick<AttentionModule, "windows">, call: ResolvedCall): ResolvedCall {
  return windows === undefined ? call : { ...call, n: call.params[windows.tokens]! };
}
