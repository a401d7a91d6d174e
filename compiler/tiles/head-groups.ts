import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { headKey } from "./plan.js";

/** The heads in groups that the mask cannot tell apart, each in rising order. */
export function headGroups(module: MaskModule, env: MaskEnv, heads: readonly number[]): readonly (readonly number[])[] {
  const groups = new Map<string, number[]>();
  for (const head of heads) {
    const key = headKey(module, env, head);
    const group = groups.get(key);
    if (group) group.push(head);
    else groups.set(key, [head]);
  }
  return [...groups.values()];
}
