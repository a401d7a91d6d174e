import type { Dtype } from "../mask/ir.js";

/**
 * How the tile program of one operator is laid on the threads of a workgroup: a choice of tile sizes
 * and of who owns what. Data; {@link illegal} says which choices a problem and a device allow.
 */
export type Schedule = GridSchedule | RowsSchedule;

interface Tiles {
  readonly name: string;
  readonly profile: Profile;
  /** Queries and keys per tile. */
  readonly tileQ: number;
  readonly tileK: number;
  /** How 16-bit tensors are read: as f16 with the device's feature, or unpacked from 32-bit words. */
  readonly half: "none" | "native" | "packed";
  /**
   * Full and partial key tiles in `one` loop, in which the masking is a uniform branch, or in `two`, of which
   * only that of the partial tiles has the masking in it. Two keep the code and the registers of the mask out of the
   * loop in which most of the time is spent, for twice the text.
   */
  readonly loops: "one" | "two";
}

/**
 * Threads form a grid of `rowThreads x columnThreads`: each owns `tileQ / rowThreads` query rows,
 * `tileK / columnThreads` neighbouring columns of the scores, and every `columnThreads`-th group of
 * four value columns. Operands meet in workgroup memory.
 */
export interface GridSchedule extends Tiles {
  readonly layout: "grid";
  readonly rowThreads: number;
  readonly columnThreads: number;
  /** Head dims per step of the score product; divides the head dim, a multiple of 4. */
  readonly chunk: number;
  /**
   * How threads of a row agree on its maximum and sum: through workgroup memory, or by shuffles within a
   * subgroup, which needs the device's feature; a kernel finds out itself whether the subgroups it runs
   * in hold whole rows of threads, and goes through memory where they do not.
   */
  readonly exchange: "memory" | "subgroups";
  /** The query tile stays in workgroup memory for all key tiles; otherwise it is read again chunk by chunk. */
  readonly keepQuery: boolean;
  /** Products of tiles by the matrix units of subgroups; without it, threads multiply. */
  readonly matrices?: MatrixShape | undefined;
}

/** A grid whose products are made by matrix units. */
export type MatrixSchedule = GridSchedule & { readonly matrices: MatrixShape };

export const hasMatrices = (s: Schedule): s is MatrixSchedule => s.layout === "grid" && s.matrices !== undefined;

/**
 * A product that the matrix units of a subgroup do at once: M x K times K x N, from elements of one type to sums in
 * another. A device has few such shapes, and a kernel runs only where it has this one.
 */
export interface MatrixShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly component: "f32" | "f16";
  readonly result: "f32";
}

/**
 * Each of `tileQ / rowsPerThread` threads owns whole query rows with their outputs, in registers, and
 * goes through a tile's keys a few at a time. No thread waits for another and no memory is shared;
 * every key that is read serves all rows of its thread.
 */
export interface RowsSchedule extends Tiles {
  readonly layout: "rows";
  readonly rowsPerThread: number;
  /** Keys that are scored together; divides the key tile. */
  readonly keysPerStep: number;
}

/**
 * Kinds of devices that want different schedules: `gpu` hardware; `software` renderers; and `simd`,
 * software renderers that run threads as lanes of the processor's vectors and optimise long
 * straight-line code well.
 */
export type Profile = "gpu" | "software" | "simd";

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

export const threadsOf = (s: Schedule): number => (s.layout === "grid" ? s.rowThreads * s.columnThreads : s.tileQ / s.rowsPerThread);

export const rowsPerThread = (s: Schedule): number => (s.layout === "grid" ? s.tileQ / s.rowThreads : s.rowsPerThread);

/** Key columns that a thread scores at a time. */
export const columnsPerThread = (s: Schedule): number => (s.layout === "grid" ? s.tileK / s.columnThreads : s.keysPerStep);

/** Groups of four value columns per thread, the last of which may be beyond the value dim. */
export const valueGroups = (s: Schedule, p: Problem): number => Math.ceil(p.valueDim / 4 / (s.layout === "grid" ? s.columnThreads : 1));

/** Bytes of workgroup memory: the query tile, one buffer for keys and then probabilities, and row maxima. */
export function workgroupBytes(s: Schedule, p: Problem): number {
  if (hasMatrices(s)) return matrixBytes(s, p);
  return s.layout === "grid" ? 4 * (queryFloats(s, p) + sharedFloats(s) + s.columnThreads * s.tileQ) : 0;
}

export const queryFloats = (s: GridSchedule, p: Problem): number => (s.keepQuery ? p.headDim : s.chunk) * s.tileQ;
/** Keys of one chunk and probabilities of the tile are never alive together. */
export const sharedFloats = (s: GridSchedule): number => Math.max(s.chunk * s.tileK, s.tileK * s.tileQ);

/** Value columns whose product is made at a time by matrix units: a group of four for each column of threads. */
export const valueChunk = (s: GridSchedule): number => 4 * s.columnThreads;

/**
 * Numbers in the tiles that matrix units work on. Of f32, probabilities take the place of the scores, and products of
 * values that of the query's chunk. Of f16 they have another type: probabilities have a tile of their own, of two f16
 * for each, and products take the place of the scores.
 */
export function matrixTiles(s: MatrixSchedule, p: Problem) {
  const product = s.tileQ * valueChunk(s);
  const scores = s.tileQ * s.tileK;
  const query = s.tileQ * (s.keepQuery ? p.headDim : s.chunk);
  const keyOrValue = s.tileK * Math.max(s.chunk, valueChunk(s));
  return s.matrices.component === "f32"
    ? { query: Math.max(query, product), keyOrValue, scores, probabilities: 0 }
    : { query, keyOrValue, scores: Math.max(scores, product), probabilities: 2 * scores };
}

function matrixBytes(s: MatrixSchedule, p: Problem): number {
  const { query, keyOrValue, scores, probabilities } = matrixTiles(s, p);
  return (s.matrices.component === "f32" ? 4 : 2) * (query + keyOrValue + probabilities) + 4 * (scores + s.columnThreads * s.tileQ);
}

/** Multiply-adds that a step of a rows schedule writes out: compilers take seconds for more. */
const MOST_UNROLLED = 2048;

const unrolled = (s: RowsSchedule, p: Problem): number => s.rowsPerThread * s.keysPerStep * (p.headDim + p.valueDim);

/** Why a schedule cannot be used for a problem under given limits, or undefined where it can. */
export function illegal(s: Schedule, p: Problem, limits: Limits = BASELINE_LIMITS): string | undefined {
  if (p.headDim % 4 !== 0 || p.valueDim % 4 !== 0) return "head dims must be multiples of 4";
  const own = s.layout === "grid" ? illegalGrid(s, p) : illegalRows(s, p);
  if (own !== undefined) return own;
  if (rowsPerThread(s) > 32) return "a thread can own at most 32 query rows";
  if (threadsOf(s) > limits.threads) return `${threadsOf(s)} threads are more than the ${limits.threads} of the device`;
  const bytes = workgroupBytes(s, p);
  if (bytes > limits.workgroupBytes) return `${bytes} bytes of workgroup memory are more than the ${limits.workgroupBytes} of the device`;
  return undefined;
}

function illegalGrid(s: GridSchedule, p: Problem): string | undefined {
  if (s.tileQ % s.rowThreads !== 0 || rowsPerThread(s) % 4 !== 0) return "each thread must own a multiple of 4 query rows";
  if (s.tileK % s.columnThreads !== 0 || columnsPerThread(s) % 4 !== 0) return "each thread must own a multiple of 4 key columns";
  if (s.exchange === "subgroups" && (s.columnThreads & (s.columnThreads - 1)) !== 0)
    return "shuffles need a power of two of threads per row";
  if (p.headDim % s.chunk !== 0 || s.chunk % 4 !== 0)
    return `the chunk of ${s.chunk} must divide the head dim ${p.headDim} and be a multiple of 4`;
  return hasMatrices(s) ? illegalMatrices(s) : undefined;
}

function illegalMatrices(s: MatrixSchedule): string | undefined {
  const { m, n, k, component } = s.matrices;
  if (s.tileQ % m !== 0 || s.tileK % n !== 0 || s.tileK % k !== 0 || s.chunk % k !== 0 || valueChunk(s) % n !== 0)
    return `matrices of ${m} x ${n} x ${k} must divide the tiles and the chunks`;
  if (component === "f16" && s.half !== "native") return "matrices of f16 need tensors of f16, read as such";
  if (component === "f32" && s.keepQuery) return "products of f32 matrices take the place of the query tile";
  return undefined;
}

function illegalRows(s: RowsSchedule, p: Problem): string | undefined {
  if (s.tileQ % s.rowsPerThread !== 0 || s.rowsPerThread % 4 !== 0) return "each thread must own a multiple of 4 query rows";
  if (s.tileK % s.keysPerStep !== 0) return `steps of ${s.keysPerStep} keys must divide the key tile of ${s.tileK}`;
  // The mask of a tile is kept in words with a bit for each row and so many keys; no step has keys of two words.
  const keysPerWord = Math.floor(32 / s.rowsPerThread);
  if (keysPerWord % s.keysPerStep !== 0 || s.tileK % keysPerWord !== 0)
    return `words of ${s.rowsPerThread} rows x ${keysPerWord} keys must hold whole steps and divide the key tile`;
  if (unrolled(s, p) > MOST_UNROLLED)
    return `${unrolled(s, p)} multiply-adds in a row are more than the ${MOST_UNROLLED} a compiler is asked to take`;
  return undefined;
}
