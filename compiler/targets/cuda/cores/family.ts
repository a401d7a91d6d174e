import { elementType } from "../family.js";
import type { Family } from "../family.js";
import { printStatements } from "../statements.js";
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
  body: ({
    program,
    schedule: s,
    problem: { dtype, headDim, valueDim },
  }) => `extern __shared__ __align__(1024) unsigned char shared_memory[];
const Place place(u, aux, blockIdx.x, ${s.tileQ});
CoresTile<${[elementType[dtype], headDim, valueDim, s.tileQ, s.tileK, s.chunk, s.valueKeys].join(", ")}> tile(u, query, key, value, output, lse, place, shared_memory);
if (!place.any_query()) return;
${printStatements(program.body)}`,
};
