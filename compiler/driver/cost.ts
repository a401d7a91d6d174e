import type { MaskModule } from "../mask/ir.js";
import { chooseSchedule, SHIPPED_PROFILES } from "../schedule/profiles.js";
import { costReport } from "../tiles/report.js";
import type { CostReport, ScheduledTiles } from "../tiles/report.js";
import { resolveCall, resolveShape } from "../../runtime/launch/call.js";
import type { AttentionCall } from "../../runtime/launch/call.js";
import type { AttentionModule } from "../../runtime/launch/module.js";

export type { AttentionCall };

/** The tile sizes of the schedules that generated files carry, each once: what a cost report counts in. */
export function scheduledTiles(module: MaskModule): readonly ScheduledTiles[] {
  const half = module.shape.dtype === "f16" ? "native" : "none";
  const found: { tileQ: number; tileK: number; schedules: string[] }[] = [];
  for (const profile of SHIPPED_PROFILES) {
    const { name, tileQ, tileK } = chooseSchedule(profile, module.shape, half);
    const same = found.find((size) => size.tileQ === tileQ && size.tileK === tileK);
    if (same) same.schedules.push(name);
    else found.push({ tileQ, tileK, schedules: [name] });
  }
  return found;
}

/** The cost report of a call, which is checked as a launch of the kernels is: throws what `encode` does. */
export function costOfCall(mask: MaskModule, launch: AttentionModule, call: AttentionCall): CostReport {
  const { batch, heads, kvHeads, n, nq, params, launch: variables } = resolveCall(launch, resolveShape(launch), call);
  const env = { N: n, NQ: nq, heads, kvHeads, params, ...variables };
  return costReport(mask, env, { batch, tiles: scheduledTiles(mask) });
}
