import type { Family, Instance } from "../family.js";
import { printTileBody, tileType } from "../statements.js";
import { mmaSchedule } from "./schedule.js";
import type { MmaSchedule } from "./schedule.js";
import { MMA_TILE } from "./tile.js";

/** Tensor cores through mma.sync with asynchronous copies, for 16-bit numbers from compute capability 8.0 on. */
export const mma: Family<MmaSchedule> = {
  name: "mma",
  architecture: 80,
  architectureOnly: false,
  roundsWeights: true,
  primitives: ["sm80"],
  text: MMA_TILE,
  schedule: mmaSchedule,
  parameters: "",
  tile,
  body: (instance) => printTileBody(tile(instance), instance),
};

function tile(instance: Instance<MmaSchedule>): string {
  const { schedule: s } = instance;
  return tileType("MmaTile", instance, [s.warps, s.rowTiles, s.tileK, s.stages]);
}
