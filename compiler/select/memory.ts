import type { BitsValue, MaskEnv } from "../mask/evaluate.js";
import type { SelectionHeads } from "../mask/selection.js";
import type { Bits, Tensor } from "./ir.js";

/** An input of floats: `data[batch][head][…]`; batch and heads may be 1, heads the kv heads or the query heads. */
export interface FloatsValue {
  readonly batch: number;
  readonly heads: number;
  readonly data: Float32Array;
}

/** One call: q [batch, heads, NQ, headDim], k [batch, kvHeads, N, headDim], of the dtype's numbers. */
export interface SelectionCall {
  readonly env: MaskEnv;
  readonly batch: number;
  readonly headDim: number;
  /** 1 / sqrt(headDim) by default. */
  readonly scale?: number | undefined;
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly floats?: Readonly<Record<string, FloatsValue>> | undefined;
  /** Matrices that the caller gives back, by name: they are not made. */
  readonly given?: Readonly<Record<string, BitsValue>> | undefined;
}

/** A tensor of a call with its extents, all axes `[batch][head][row][column][dim]`, 1 where it lacks one. */
export interface StoredTensor {
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  readonly dim: number;
  readonly data: Float32Array;
}

export function headsOf(heads: SelectionHeads, env: MaskEnv): number {
  return heads === "query" ? env.heads : heads === "kv" ? env.kvHeads : 1;
}

/** What stages have written so far. */
export class Memory {
  private readonly tensors = new Map<Tensor, StoredTensor>();
  private readonly matrices = new Map<Bits, BitsValue>();

  writeTensor(tensor: Tensor, value: StoredTensor): void {
    this.tensors.set(tensor, value);
  }

  writeBits(bits: Bits, value: BitsValue): void {
    this.matrices.set(bits, value);
  }

  tensor(tensor: Tensor): StoredTensor {
    const found = this.tensors.get(tensor);
    if (!found) throw new Error(`${tensor.name} is read before it is written`);
    return found;
  }

  bits(bits: Bits): BitsValue {
    const found = this.matrices.get(bits);
    if (!found) throw new Error(`${bits.name} is read before it is written`);
    return found;
  }
}
