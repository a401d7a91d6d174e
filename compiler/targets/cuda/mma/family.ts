import type { Family } from "../family.js";
import { printTileBody } from "../statements.js";
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
  body(instance) {
    const { schedule: s } = instance;
    return printTileBody("MmaTile", instance, [s.warps, s.rowTiles, s.tileK, s.stages]);
  },
};
