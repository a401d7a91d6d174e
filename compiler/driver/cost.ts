import type { MaskModule } from "../mask/ir.js";
import { chooseSchedule } from "../schedule/profiles.js";
import type { Profile } from "../schedule/schedule.js";
import type { ScheduledTiles } from "../tiles/report.js";

/** The profiles of generated files; the first is the default. */
const PROFILES: readonly Profile[] = ["gpu", "software"];

/** The tile sizes of the schedules that generated files carry, each once: what a cost report counts in. */
export function scheduledTiles(module: MaskModule): readonly ScheduledTiles[] {
  const half = module.shape.dtype === "f16" ? "native" : "none";
  const found: { tileQ: number; tileK: number; schedules: string[] }[] = [];
  for (const profile of PROFILES) {
    const { name, tileQ, tileK } = chooseSchedule(profile, module.shape, half);
    const same = found.find((size) => size.tileQ === tileQ && size.tileK === tileK);
    if (same) same.schedules.push(name);
    else found.push({ tileQ, tileK, schedules: [name] });
  }
  return found;
}
