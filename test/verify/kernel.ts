import type { Dtype } from "../../runtime/launch/module.js";
import type { MaskPredicate } from "../../runtime/reference/problem.js";
import { roundTo } from "../../runtime/reference/formats.js";
import type { VerifyCall } from "../../runtime/verify/operator.js";
import type { VerifyTensors } from "../../runtime/verify/tensors.js";

const f = Math.fround;

/** What a kernel may get wrong. */
export interface Faults {
  readonly scaleFactor?: number;
  readonly mask?: (mask: MaskPredicate, call: VerifyCall) => MaskPredicate;
  readonly noRescale?: boolean;
  readonly noDivision?: boolean;
  readonly noMaximum?: boolean;
  readonly kvHead?: (head: number, call: VerifyCall) => number;
  readonly rowsLost?: (row: number, call: VerifyCall) => boolean;
  readonly lseBase2?: boolean;
  readonly lseWithoutSum?: boolean;
  readonly batchIgnored?: boolean;
  readonly loadsAllKeys?: boolean;
  readonly lastDimLost?: boolean;
  readonly firstTileTwice?: boolean;
  readonly emptyRowNaN?: boolean;
  readonly writesBeyond?: boolean;
  readonly tileWeightsHalf?: boolean;
  /** Weights are rounded to it before they meet the values: a fault only where it is not said. */
  readonly weights?: Dtype;
}

/** A float32 kernel of another build than the reference's: tiles of 48 keys, dot products in two halves from the end. */
export function runKernel(
  tensors: VerifyTensors,
  call: VerifyCall,
  right: MaskPredicate,
  faults: Faults = {},
): { out: Float32Array; lse: Float32Array } {
  const { batch, heads, kvHeads, queries, keys, headDim, valueDim, firstPosition } = call;
  const { q, k, v } = tensors;
  const out = tensors.out.slice();
  const lse = tensors.lse.slice();
  const mask = faults.mask === undefined ? right : faults.mask(right, call);
  const factor = f((Math.LOG2E / Math.sqrt(headDim)) * (faults.scaleFactor ?? 1));
  const tile = 48;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const g = faults.kvHead?.(h, call) ?? Math.floor(h / (heads / kvHeads));
      for (let i = 0; i < queries; i++) {
        const row = (b * heads + h) * queries + i;
        if (faults.rowsLost?.(i, call)) continue;
        const from = faults.batchIgnored ? 0 : b;
        const qAt = row * headDim;
        let most = -Infinity;
        let total = 0;
        const sums = new Float32Array(valueDim);
        const starts = Array.from({ length: Math.ceil(keys / tile) }, (_, t) => t * tile);
        if (faults.firstTileTwice) starts.push(0);
        for (const start of starts) {
          const seen: number[] = [];
          for (let key = start; key < Math.min(start + tile, keys); key++)
            if (faults.loadsAllKeys || mask(b, h, firstPosition + i, key)) seen.push(key);
          if (seen.length === 0) continue;
          const scores = seen.map((key) => {
            const kAt = ((from * kvHeads + g) * keys + key) * headDim;
            let [low, high] = [0, 0];
            for (let d = headDim - 1; d >= 0; d--) {
              const product = f(q[qAt + d]! * k[kAt + d]!);
              if (d >= headDim / 2) high = f(high + product);
              else low = f(low + product);
            }
            const score = f(f(low + high) * factor);
            return faults.loadsAllKeys && !mask(b, h, firstPosition + i, key) ? score * 0 - Infinity : score;
          });
          const before = most;
          most = faults.noMaximum ? 0 : Math.max(most, ...scores);
          const shrink = before === -Infinity || faults.noRescale ? 1 : f(2 ** f(before - most));
          total = f(total * shrink);
          for (let d = 0; d < valueDim; d++) sums[d] = sums[d]! * shrink;
          seen.forEach((key, j) => {
            let weight = f(2 ** f(scores[j]! - most));
            if (faults.tileWeightsHalf) weight = f(Math.round(weight * 2048) / 2048);
            total = f(total + weight);
            weight = roundTo(faults.weights ?? "f32", weight);
            const vAt = ((from * kvHeads + g) * keys + key) * valueDim;
            for (let d = 0; d < valueDim; d++) sums[d] = sums[d]! + f(weight * v[vAt + d]!);
          });
        }
        const dims = faults.lastDimLost ? valueDim - 1 : valueDim;
        for (let d = 0; d < valueDim; d++) {
          const value = faults.noDivision ? sums[d]! : total === 0 ? (faults.emptyRowNaN ? NaN : 0) : sums[d]! / total;
          if (d < dims) out[row * valueDim + d] = value;
        }
        const sum = faults.lseWithoutSum ? most : most + Math.log2(total);
        lse[row] = total === 0 ? -Infinity : faults.lseBase2 ? sum : sum * Math.LN2;
      }
    }
  }
  if (faults.writesBeyond) out[batch * heads * queries * valueDim] = 0;
  return { out, lse };
}
