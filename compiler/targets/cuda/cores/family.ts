import type { Family, Instance } from "../family.js";
import { printTileBody, tileType } from "../statements.js";
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
  tile,
  body: (instance) => printTileBody(tile(instance), instance),
};

function tile(instance: Instance<CoresSchedule>): string {
  const { schedule: s } = instance;
  return tileType("CoresTile", instance, [s.tileQ, s.tileK, s.chunk, s.valueKeys]);
}
