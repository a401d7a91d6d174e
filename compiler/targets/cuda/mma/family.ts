import { elementType } from "../family.js";
import type { Family } from "../family.js";
import { printStatements } from "../statements.js";
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
  body: ({
    program,
    schedule: s,
    problem: { dtype, headDim, valueDim },
  }) => `extern __shared__ __align__(1024) unsigned char shared_memory[];
const Place place(u, aux, blockIdx.x, ${s.tileQ});
MmaTile<${[elementType[dtype], headDim, valueDim, s.warps, s.rowTiles, s.tileK, s.stages].join(", ")}> tile(u, query, key, value, output, lse, place, shared_memory);
if (!place.any_query()) return;
${printStatements(program.body)}`,
};
