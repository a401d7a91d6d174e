import type { CudaProblem, CudaSchedule } from "../family.js";

/** Warpgroups with 64 queries each, and one that brings them keys and values through a ring of stages. */
export interface WgmmaSchedule extends CudaSchedule {
  /** Warpgroups that compute. */
  readonly consumers: number;
  readonly stages: number;
  /** Columns of a box of the tensor copies, which are swizzled over its width. */
  readonly inner: number;
  /** Registers of each thread that computes, and of each that brings. */
  readonly consumerRegisters: number;
  readonly producerRegisters: number;
}

/** What a block has on compute capability 9.0. */
const SHARED_BYTES = 227 * 1024;
/** Barriers and what is said beside them: the kernel asserts that they fit. */
const BARRIER_BYTES = 512 + 1024;
/** Beyond that, tiles wait for room in registers, not for memory. */
const MOST_STAGES = 4;

/**
 * Sizes by the dim of values, the first that fits. A thread that computes has tileK / 2 scores, tileK / 4 registers of
 * probabilities and valueDim / 2 outputs at once. Registers are exchanged among those that the block starts with: 168
 * for each of 384 threads.
 */
const SIZES = [
  { values: 128, consumers: 2, tileK: 128, consumerRegisters: 216, producerRegisters: 72 },
  { values: 256, consumers: 2, tileK: 64, consumerRegisters: 224, producerRegisters: 56 },
] as const;

/** 16-bit numbers in neighbouring rows, with dims of whole steps of the tensor cores. */
export function wgmmaSchedule({ dtype, headDim, valueDim, gathered }: CudaProblem): WgmmaSchedule | undefined {
  if (dtype === "f32" || gathered || headDim % 16 !== 0 || valueDim % 16 !== 0 || headDim > 256) return undefined;
  const size = SIZES.find(({ values }) => valueDim <= values);
  if (size === undefined) return undefined;
  const { consumers, tileK } = size;
  const inner = [64, 32].find((columns) => headDim % columns === 0 && valueDim % columns === 0) ?? 16;
  const tileQ = 64 * consumers;
  const stageBytes = 2 * tileK * (headDim + valueDim);
  const fixedBytes = 2 * tileQ * headDim + BARRIER_BYTES;
  const stages = Math.min(MOST_STAGES, Math.floor((SHARED_BYTES - fixedBytes) / stageBytes));
  if (stages < 2) return undefined;
  return {
    ...size,
    tileQ,
    inner,
    stages,
    threads: 128 * (consumers + 1),
    sharedBytes: fixedBytes + stages * stageBytes,
    persistent: true,
    tensorMaps: { queryRows: 64, keyRows: tileK, innerElements: inner },
  };
}
