import type { Family } from "../family.js";
import { printTileBody } from "../statements.js";
import { coresSchedule } from "./schedule.js";
import type { CoresSchedule } from "./schedule.js";
import { CORES_TILE } from "./tile.js";

/** CUDA cores in float32, for any device and any dtype. */
export const cores: Family<CoresSchedule> = {
  name: "cores",
  architecture: 75,
  architectureOnly: false,
  roundsWeights: false,
  primitives: [],
  text: CORES_TILE,
  schedule: coresSchedule,
  parameters: "",
  body(instance) {
    const { schedule: s } = instance;
    return printTileBody("CoresTile", instance, [s.tileQ, s.tileK, s.chunk, s.valueKeys]);
  },
};
