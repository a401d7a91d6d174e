import type { AttentionCall } from "../../runtime/launch/call.js";
import type { ExecutorCall } from "./executor.js";

/** A call as operators take it. */
export function launchCall({ batch, queries, keys, params, layer, layers, step, steps, phase, scale }: ExecutorCall): AttentionCall {
  return { batch, queryLength: queries, keyLength: keys, params, layer, layers, step, steps, phase, scale };
}
