import type { ResolvedCall } from "../call.js";
import { AttnError } from "../errors.js";
import type { AuxLayout } from "../input-layout.js";
import type { AttentionModule } from "../module.js";
import { blockPairs, expectedPairs, mostOf, PART_COST, queriesOf, type QueryTile } from "./expected.js";
import type { KeyOrderField } from "./fields.js";

/**
 * In which order a module whose queries choose blocks of keys goes through its pairs: query tile by query tile, with all
 * blocks that one of its queries chose; or block by block, with the queries that chose it. `auto` counts on the device and
 * takes the cheaper one.
 */
export type PairOrder = "auto" | "queries" | "keys";

const ORDERS: readonly unknown[] = ["auto", "queries", "keys"] satisfies readonly PairOrder[];

/** Throws ATTN5212 where the order is none of them. */
export function checkOrder(order: unknown): void {
  if (ORDERS.includes(order)) return;
  throw new AttnError("ATTN5212", {
    field: "order",
    expected: `one of ${ORDERS.join(", ")}`,
    found: String(order),
    remedy: "Leave it out for the cheaper one.",
  });
}

/** The kernels of both orders, as far as a launch must know them to plan. */
export interface OrderKernels {
  /** Rows of a tile of key order are queries of all heads that share a list. */
  readonly keyTile: Omit<QueryTile, "heads">;
  readonly queryTile: QueryTile;
  readonly valueDim: number;
  /** There is a kernel for what is left of the mask without the selection. */
  readonly rest: boolean;
}

/** The most bytes that a launch may bind. */
export type OrderLimits = Pick<GPUSupportedLimits, "maxStorageBufferBindingSize" | "maxBufferSize">;

/** A launch that may take key order. */
export interface KeyOrderPlan {
  /** Those of the first slice. */
  readonly fields: Readonly<Record<KeyOrderField, number>>;
  /** List heads whose parts there is room for at a time. */
  readonly slices: readonly { readonly firstHead: number; readonly sliceHeads: number }[];
  readonly listsBytes: number;
  readonly scratchBytes: number;
  readonly valueDim: number;
}

/** Bytes of parts that a launch makes at a time, at most. */
const MOST_SCRATCH = 2 ** 28;
/** Words before the lists: the order that was chosen. */
const HEADER = 4;

/**
 * Whether a call may be computed in key order, and how: where queries are expected to choose so differently that it is worth
 * the lists, or where it is asked for. There is room for as many parts as the declaration says, or as the device allows: the
 * launch counts, and takes query order where they are more. Undefined where there is not room for one part of each query.
 */
export function keyOrderOf(
  module: AttentionModule,
  { keyTile, queryTile, valueDim, rest: hasRest }: OrderKernels,
  call: ResolvedCall,
  aux: AuxLayout,
  groups: readonly [x: number, y: number],
  order: PairOrder,
  limits: OrderLimits,
): KeyOrderPlan | undefined {
  const { keyOrder: spec } = module;
  if (spec === undefined || order === "queries" || call.nq === 0 || call.n === 0) return undefined;
  const { fields: bits } = aux.matrices.find((matrix) => matrix.spec.name === spec.selection)!;
  const rest = hasRest ? 1 : 0;
  const listHeads = spec.grouped && bits.headCount !== call.heads ? call.kvHeads : call.heads;
  const group = call.heads / listHeads;
  const most = mostOf(bits.columns, spec.most);
  const offset = module.space === "self" ? call.n - call.nq : 0;
  const problem = { queries: call.nq, keys: call.n, offset, causal: spec.causal, unit: spec.unit, most, group };
  const expected = expectedPairs({ ...problem, keyTile, queryTile });
  if (order === "auto" && expected.keys >= expected.queries) return undefined;

  const room = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  const partBytes = 16 * (valueDim / 4 + 1) * group;
  const capacity = Math.min(call.nq * (most + rest), Math.floor(Math.min(room, MOST_SCRATCH) / partBytes));
  if (capacity < call.nq) return undefined;
  const totalHeads = listHeads * call.batch;
  const sliceHeads = Math.min(totalHeads, Math.floor(Math.min(room, MOST_SCRATCH) / (partBytes * capacity)), MOST_SLICE);
  const words = (each: number): number => totalHeads * each;
  const rowBase = HEADER;
  const startBase = rowBase + words(call.nq + 1);
  const tileBase = startBase + words(bits.columns + 1);
  const unionBase = tileBase + words(bits.columns + 1);
  const entryBase = unionBase + words(bits.rowStride);
  const listsBytes = 4 * (entryBase + words(2 * capacity));
  if (listsBytes > room) return undefined;
  const firsts = Array.from({ length: Math.ceil(totalHeads / sliceHeads) }, (_, i) => i * sliceHeads);
  return {
    fields: {
      ...{ listHeads, group, totalHeads, firstHead: 0, sliceHeads },
      ...{ rows: call.nq, columns: bits.columns, unit: spec.unit },
      ...{ bitsHeads: bits.headCount, bitsBase: bits.base, bitsBatchStride: bits.batchStride },
      ...{ bitsHeadStride: bits.headStride, bitsRowStride: bits.rowStride },
      ...{ tileQ: keyTile.tileQ, rest, capacity, rowBase, startBase, tileBase, unionBase, entryBase },
      tilePairs: blockPairs(spec.unit, keyTile),
      wholeRows: queriesOf(queryTile),
      wholePairs: Math.ceil((blockPairs(spec.unit, queryTile) * group) / queryTile.heads),
      partCost: PART_COST,
      always: order === "keys" ? 1 : 0,
      mostTiles: bits.columns + Math.ceil((capacity * group) / keyTile.tileQ),
      ...{ wholeX: groups[0], wholeY: groups[1] },
    },
    slices: firsts.map((firstHead) => ({ firstHead, sliceHeads: Math.min(sliceHeads, totalHeads - firstHead) })),
    listsBytes,
    valueDim,
    scratchBytes: partBytes * capacity * sliceHeads,
  };
}

/** Workgroups in z of every WebGPU device. */
const MOST_SLICE = 65535;
