import type { Dtype } from "../mask/ir.js";

/**
 * How the tile program of one operator is laid on the threads of a workgroup. Threads form a grid of
 * `rowThreads x columnThreads`: each owns `tileQ / rowThreads` query rows, `tileK / columnThreads`
 * neighbouring columns of the scores, and every `columnThreads`-th group of four value columns.
 */
export interface Schedule {
  readonly name: string;
  readonly profile: Profile;
  /** Queries and keys per tile. */
  readonly tileQ: number;
  readonly tileK: number;
  readonly rowThreads: number;
  readonly columnThreads: number;
  /** Head dims per step of the score product; divides the head dim, a multiple of 4. */
  readonly chunk: number;
  /** The query tile stays in workgroup memory for all key tiles; otherwise it is read again chunk by chunk. */
  readonly keepQuery: boolean;
  /** How 16-bit tensors are read: as f16 with the device's feature, or unpacked from 32-bit words. */
  readonly half: "none" | "native" | "packed";
}

/** Kinds of devices that want different schedules. */
export type Profile = "software" | "gpu";

export interface Problem {
  readonly headDim: number;
  readonly valueDim: number;
  readonly dtype: Dtype;
}

/** What every WebGPU device offers without asking. */
export const BASELINE_LIMITS = { workgroupBytes: 16384, threads: 256 } as const;

export interface Limits {
  readonly workgroupBytes: number;
  readonly threads: number;
}

export const threadsOf = (s: Schedule): number => s.rowThreads * s.columnThreads;
export const rowsPerThread = (s: Schedule): number => s.tileQ / s.rowThreads;
export const columnsPerThread = (s: Schedule): number => s.tileK / s.columnThreads;
/** Groups of four value columns per thread, the last of which may be beyond the value dim. */
export const valueGroups = (s: Schedule, p: Problem): number => Math.ceil(p.valueDim / 4 / s.columnThreads);

/** Bytes of workgroup memory: the query tile, one buffer for keys and then probabilities, and row maxima. */
export function workgroupBytes(s: Schedule, p: Problem): number {
  return 4 * (queryFloats(s, p) + sharedFloats(s) + s.columnThreads * s.tileQ);
}

export const queryFloats = (s: Schedule, p: Problem): number => (s.keepQuery ? p.headDim : s.chunk) * s.tileQ;
/** Keys of one chunk and probabilities of the tile are never alive together. */
export const sharedFloats = (s: Schedule): number => Math.max(s.chunk * s.tileK, s.tileK * s.tileQ);

/** Why a schedule cannot be used for a problem under given limits, or undefined where it can. */
export function illegal(s: Schedule, p: Problem, limits: Limits = BASELINE_LIMITS): string | undefined {
  if (s.tileQ % s.rowThreads !== 0 || rowsPerThread(s) % 4 !== 0) return "each thread must own a multiple of 4 query rows";
  if (s.tileK % s.columnThreads !== 0 || columnsPerThread(s) % 4 !== 0) return "each thread must own a multiple of 4 key columns";
  if (rowsPerThread(s) > 32) return "a thread can own at most 32 query rows";
  if (p.headDim % 4 !== 0 || p.valueDim % 4 !== 0) return "head dims must be multiples of 4";
  if (p.headDim % s.chunk !== 0 || s.chunk % 4 !== 0)
    return `the chunk of ${s.chunk} must divide the head dim ${p.headDim} and be a multiple of 4`;
  if (threadsOf(s) > limits.threads) return `${threadsOf(s)} threads are more than the ${limits.threads} of the device`;
  const bytes = workgroupBytes(s, p);
  if (bytes > limits.workgroupBytes) return `${bytes} bytes of workgroup memory are more than the ${limits.workgroupBytes} of the device`;
  return undefined;
}
