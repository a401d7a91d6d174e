import { elementType } from "../family.js";
import type { Family, Instance } from "../family.js";
import { indent } from "../../print/indent.js";
import { WGMMA_BLOCK } from "./block.js";
import { wgmmaSchedule } from "./schedule.js";
import type { WgmmaSchedule } from "./schedule.js";
import { printTurned } from "./statements.js";
import { WGMMA_TILE } from "./tile.js";

/** Tensor cores through products of warpgroups, with bulk tensor copies: 16-bit numbers on compute capability 9.0 alone. */
export const wgmma: Family<WgmmaSchedule> = {
  name: "wgmma",
  architecture: 90,
  architectureOnly: true,
  roundsWeights: true,
  primitives: ["sm90"],
  productWidths: ({ schedule: { tileK }, problem: { valueDim } }) => [tileK, valueDim],
  text: WGMMA_BLOCK + WGMMA_TILE,
  schedule: wgmmaSchedule,
  parameters:
    ", const __grid_constant__ TensorMap query_map, const __grid_constant__ TensorMap key_map, const __grid_constant__ TensorMap value_map",
  body,
};

function body({ program, schedule: s, problem: { dtype, headDim, valueDim } }: Instance<WgmmaSchedule>): string {
  const sizes = [elementType[dtype], headDim, valueDim, s.consumers, s.tileK, s.stages, s.inner].join(", ");
  return `extern __shared__ __align__(1024) unsigned char shared_memory[];
const WgmmaBlock<${sizes}> block{u, aux, shared_memory};
if (threadIdx.x == 0) block.make_barriers();
block_barrier();
const int warp = shuffle(threadIdx.x / 32, 0);
if (warp < 4) {
  registers_decrease<${s.producerRegisters}>();
  if (threadIdx.x == 0) block.bring_keys(&key_map, &value_map);
  if (0 < warp && warp <= ${s.consumers}) block.bring_queries(query, warp - 1);
} else {
  registers_increase<${s.consumerRegisters}>();
  WgmmaConsumer<${sizes}> consumer(block, output, lse, warp / 4 - 1);
  while (true) {
    const auto what = consumer.wait_tile(consumer.announced);
    if (what == consumer.NO_TILE) break;
    WgmmaTile<${sizes}> tile(consumer, what == consumer.TILE_WITH_KEYS);
${indent(printTurned(program.body), 2)}
    consumer.leave_tile(consumer.announced);
  }
}`;
}
