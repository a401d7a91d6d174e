import { roundedTo } from "../reference/formats.js";
import type { Dtype } from "../launch/module.js";
import type { VerifyCase } from "./cases.js";
import { mixSeeds, random, type Random } from "./random.js";

/**
 * The tensors of one run. Each array is longer than what the operator may use; what lies beyond is poison,
 * and in `out` and `lse` all is {@link CANARY} before the run.
 */
export interface VerifyTensors {
  /** `[batch, heads, queries, headDim]` */
  readonly q: Float32Array;
  /** `[batch, kvHeads, keys, headDim]` */
  readonly k: Float32Array;
  /** `[batch, kvHeads, keys, valueDim]` */
  readonly v: Float32Array;
  /** `[batch, heads, queries, valueDim]` */
  readonly out: Float32Array;
  /** `[batch, heads, queries]` */
  readonly lse: Float32Array;
  /** `[batch, kvHeads, tokens, headDim]`: the keys of the call, where its selections read these and `k` holds windows of them. */
  readonly callKeys?: Float32Array | undefined;
}

/** Elements beyond the used part of every tensor. */
export const TAIL = 64;

/** What stands where nothing has been written: no result of these data, and exact in every dtype. */
export const CANARY = -31232;

/** NaN and infinities in turn: each leaks in its own way. */
function poison(i: number): number {
  return [NaN, Infinity, -Infinity][i % 3]!;
}

/** Whether the operator promises to load nothing of this key for any query of the kv head; poison goes there. */
export type UnusedKey = (batch: number, kvHead: number, key: number) => boolean;

export interface TensorSizes {
  readonly headDim: number;
  readonly valueDim: number;
  readonly dtype: Dtype;
}

/** The tensors of a case. All numbers are such that the dtype holds them. */
export function makeTensors(one: VerifyCase, sizes: TensorSizes, unused?: UnusedKey): VerifyTensors {
  const { batch, heads, kvHeads, queries, keys } = one;
  const { headDim, valueDim, dtype } = sizes;
  const source = random(mixSeeds(one.seed, queries, keys, batch, heads, kvHeads));
  const poisoned = poisonedRows(one, unused);
  const normal = (rows: number, dim: number, factor: number, isLeft: (row: number) => boolean): Float32Array => {
    const values = new Float32Array(rows * dim + TAIL);
    for (let row = 0; row < rows; row++) {
      if (isLeft(row)) continue;
      for (let i = row * dim; i < (row + 1) * dim; i++) values[i] = source.normal() * factor;
    }
    return values;
  };
  // Of a long sequence a call uses few keys: numbers that poison replaces are not made. The first key may become that of others.
  const isLeft = (row: number): boolean => poisoned[row] === 1 && row % keys > 0;

  const factor = one.data === "large logits" ? 8 : 1;
  const q = normal(batch * heads * queries, headDim, factor, () => false);
  const k = normal(poisoned.length, headDim, factor, isLeft);
  const v = normal(poisoned.length, valueDim, 1, isLeft);
  if (one.data === "low scores") lowScores(q, k, headDim);
  if (one.data === "equal keys") equalKeys(k, batch * kvHeads, keys, headDim);
  if (one.data === "dominant key") dominantKey(q, k, one, headDim, source);
  if (one.data === "strong keys") strongKeys(q, k, one, headDim, source);
  if (one.data === "repeated keys") repeatedKeys(q, k, one, headDim, source);
  const tensors = { q: roundedTo(dtype, q), k: roundedTo(dtype, k), v: roundedTo(dtype, v) };
  poisoned.forEach((is, row) => {
    if (is === 0) return;
    for (let d = 0; d < headDim; d++) tensors.k[row * headDim + d] = poison((row % keys) + d);
    for (let d = 0; d < valueDim; d++) tensors.v[row * valueDim + d] = poison((row % keys) + d);
  });
  for (const values of Object.values(tensors)) for (let i = values.length - TAIL; i < values.length; i++) values[i] = poison(i);
  const rows = batch * heads * queries;
  return { ...tensors, out: new Float32Array(rows * valueDim + TAIL).fill(CANARY), lse: new Float32Array(rows + TAIL).fill(CANARY) };
}

/** 1 for each row of keys `[batch, kvHeads, keys]` that no query uses. */
function poisonedRows({ batch, kvHeads, keys }: VerifyCase, unused: UnusedKey | undefined): Uint8Array {
  const rows = new Uint8Array(batch * kvHeads * keys);
  if (unused === undefined) return rows;
  for (let b = 0; b < batch; b++) {
    for (let g = 0; g < kvHeads; g++) for (let key = 0; key < keys; key++) rows[(b * kvHeads + g) * keys + key] = Number(unused(b, g, key));
  }
  return rows;
}

function equalKeys(k: Float32Array, kvRows: number, keys: number, headDim: number): void {
  for (let row = 0; row < kvRows; row++) {
    const start = row * keys * headDim;
    const first = k.slice(start, start + headDim);
    for (let key = 1; key < keys; key++) k.set(first, start + key * headDim);
  }
}

/** All queries share a part along dimension 0, and all keys point the other way: scores around -256. */
function lowScores(q: Float32Array, k: Float32Array, headDim: number): void {
  for (let at = 0; at < q.length - TAIL; at += headDim) q[at] = 4;
  for (let at = 0; at < k.length - TAIL; at += headDim) k[at] = -64 * Math.sqrt(headDim);
}

/** All queries share a part along dimension 0; one key of each kv head points there. */
function dominantKey(q: Float32Array, k: Float32Array, one: VerifyCase, headDim: number, source: Random): void {
  for (let row = 0; row < one.batch * one.heads * one.queries; row++) q[row * headDim] = 4;
  for (let row = 0; row < one.batch * one.kvHeads; row++) {
    const key = source.integer(0, one.keys - 1);
    k[(row * one.keys + key) * headDim] = 8 * Math.sqrt(headDim);
  }
}

/** All queries share a part along dimension 0; every 16th key or so points there, more or less far. */
function strongKeys(q: Float32Array, k: Float32Array, one: VerifyCase, headDim: number, source: Random): void {
  for (let row = 0; row < one.batch * one.heads * one.queries; row++) q[row * headDim] = 4;
  for (let row = 0; row < one.batch * one.kvHeads * one.keys; row++)
    if (source.chance(1 / 16)) k[row * headDim] = (0.5 + 2 * source.unit()) * Math.sqrt(headDim);
}

/** Keys that are the same after so many. */
const PERIOD = 16;

function repeatedKeys(q: Float32Array, k: Float32Array, { batch, kvHeads, keys }: VerifyCase, headDim: number, source: Random): void {
  for (const values of [q, k]) for (let i = 0; i < values.length - TAIL; i++) values[i] = source.integer(-2, 2);
  for (let head = 0; head < batch * kvHeads; head++) {
    const start = head * keys * headDim;
    for (let i = PERIOD * headDim; i < keys * headDim; i++) k[start + i] = k[start + i - PERIOD * headDim]!;
  }
}
