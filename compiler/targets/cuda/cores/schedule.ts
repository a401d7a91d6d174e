import type { CudaProblem, CudaSchedule } from "../family.js";

/** 8 x 16 threads, each with some rows and some columns of the scores. */
export interface CoresSchedule extends CudaSchedule {
  /** Head dims of the keys in shared memory at a time; divides the head dim. */
  readonly chunk: number;
  /** Keys whose values are in shared memory at a time; divides tileK. */
  readonly valueKeys: number;
}

/** Bytes of shared memory that every device of compute capability 7.5 and later has for a block. */
const COMMON_SHARED_BYTES = 65536;
const THREADS = 128;
/** Output columns of a row by threads, so that they stay in registers. */
const MOST_OUTPUTS = 128;

/** The largest tiles that fit every device, of those worth having. */
export function coresSchedule(problem: CudaProblem): CoresSchedule | undefined {
  const { headDim, valueDim } = problem;
  for (const [tileQ, tileK] of [
    [64, 64],
    [32, 64],
    [32, 32],
    [32, 16],
  ] as const) {
    const chunk = divisor(headDim, 32, 4);
    const valueKeys = divisor(tileK, 2048 / valueDim, 1);
    const sharedBytes = 4 * (tileQ * headDim + tileQ * tileK + Math.max(chunk * tileK, valueKeys * valueDim));
    const outputs = (tileQ / 8) * 4 * Math.ceil(valueDim / 64);
    if (outputs > MOST_OUTPUTS || sharedBytes > COMMON_SHARED_BYTES) continue;
    return { tileQ, tileK, chunk, valueKeys, threads: THREADS, sharedBytes, persistent: false };
  }
  return undefined;
}

/** The greatest divisor of a number that is a multiple of `step` and at most `most`; `step` where there is none. */
function divisor(of: number, most: number, step: number): number {
  for (let found = Math.floor(Math.min(of, most) / step) * step; found > step; found -= step) if (of % found === 0) return found;
  return step;
}
