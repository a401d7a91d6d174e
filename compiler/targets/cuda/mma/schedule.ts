import type { CudaProblem, CudaSchedule } from "../family.js";

/** Warps with `rowTiles` times 16 rows each; keys and values come in through a ring of stages. */
export interface MmaSchedule extends CudaSchedule {
  readonly warps: number;
  readonly rowTiles: number;
  readonly stages: number;
}

/** What devices of compute capability 8.6 and 8.9 have for a block, the least of those with these instructions. */
const SHARED_BYTES = 99 * 1024;

/** The walk over key tiles, and the tiles it has found: the kernel asserts that they fit. */
const WALK_BYTES = 1024;

/**
 * Sizes by the greater of the two dims, the first that fits: outputs and scores of a thread stay in registers, with
 * room for what the longest masks of the library need.
 */
const SIZES = [
  { dims: 64, warps: 4, rowTiles: 2, tileK: 64, stages: 3 },
  { dims: 96, warps: 4, rowTiles: 2, tileK: 32, stages: 3 },
  { dims: 128, warps: 8, rowTiles: 1, tileK: 64, stages: 2 },
  { dims: 256, warps: 4, rowTiles: 1, tileK: 32, stages: 2 },
] as const;

/** 16-bit numbers with dims of whole steps of the tensor cores. */
export function mmaSchedule({ dtype, headDim, valueDim }: CudaProblem): MmaSchedule | undefined {
  if (dtype === "f32" || headDim % 16 !== 0 || valueDim % 16 !== 0) return undefined;
  const size = SIZES.find(({ dims }) => Math.max(headDim, valueDim) <= dims);
  if (size === undefined) return undefined;
  const { warps, rowTiles, tileK, stages } = size;
  const tileQ = 16 * rowTiles * warps;
  // The output goes out through the memory of the queries.
  const sharedBytes = 2 * (tileQ * Math.max(headDim, valueDim) + stages * tileK * (headDim + valueDim)) + WALK_BYTES;
  if (sharedBytes > SHARED_BYTES) return undefined;
  return { tileQ, tileK, warps, rowTiles, stages, threads: 32 * warps, sharedBytes, persistent: false };
}
