import type { MaskModule } from "../mask/ir.js";
import { chooseSchedule, SHIPPED_PROFILES } from "../schedule/profiles.js";
import { cudaModule } from "./cuda-launch.js";
import { costReport } from "../tiles/report.js";
import type { CostReport, ScheduledTiles } from "../tiles/report.js";
import { resolveCall, resolveShape } from "../../runtime/launch/call.js";
import type { AttentionCall } from "../../runtime/launch/call.js";
import type { AttentionModule } from "../../runtime/launch/module.js";

export type { AttentionCall };

/** The tile sizes of the schedules that generated files carry, each once: what a cost report counts in. */
export function scheduledTiles(module: MaskModule): readonly ScheduledTiles[] {
  const found: { tileQ: number; tileK: number; schedules: string[] }[] = [];
  for (const { name, tileQ, tileK } of shippedSchedules(module)) {
    const same = found.find((size) => size.tileQ === tileQ && size.tileK === tileK);
    if (same) same.schedules.push(name);
    else found.push({ tileQ, tileK, schedules: [name] });
  }
  return found;
}

/** Those of WebGPU; where it lacks the dtype, the kernels of CUDA. */
function shippedSchedules(module: MaskModule): readonly { readonly name: string; readonly tileQ: number; readonly tileK: number }[] {
  const { dtype } = module.shape;
  if (dtype === "bf16") return cudaModule(module).cuda.kernels;
  return SHIPPED_PROFILES.map((profile) => chooseSchedule(profile, module.shape, dtype === "f16" ? "native" : "none"));
}

/** The cost report of a call, which is checked as a launch of the kernels is: throws what `encode` does. */
export function costOfCall(mask: MaskModule, launch: AttentionModule, call: AttentionCall): CostReport {
  const { batch, heads, kvHeads, n, nq, params, launch: variables } = resolveCall(launch, resolveShape(launch), call);
  const env = { N: n, NQ: nq, heads, kvHeads, params, ...variables };
  return costReport(mask, env, { batch, tiles: scheduledTiles(mask) });
}
