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

/** The batch entry, head and row that are stored first. */
export interface Origin {
  readonly b: number;
  readonly head: number;
  readonly row: number;
}

/** What a tensor holds of a call, all axes `[batch][head][row][column][dim]`, 1 where it lacks one. */
export interface StoredTensor {
  readonly first: Origin;
  readonly batch: number;
  readonly heads: number;
  readonly rows: number;
  readonly columns: number;
  readonly dim: number;
  readonly data: Float32Array;
}

/** What a matrix holds of a call. */
export type StoredBits = BitsValue & { readonly first: Origin };

/** The row of what is stored that holds a row of a call: all batch entries and heads one after another. */
export function storedRow(
  { first, batch, heads, rows }: Omit<StoredTensor, "data" | "columns" | "dim">,
  b: number,
  head: number,
  row: number,
): number {
  const [entry, h, r] = [b - first.b, head - first.head, row - first.row];
  if (entry < 0 || entry >= batch || h < 0 || h >= heads || r < 0 || r >= rows) throw new Error("a part reads what it does not hold");
  return (entry * heads + h) * rows + r;
}

export function headsOf(heads: SelectionHeads, env: MaskEnv): number {
  return heads === "query" ? env.heads : heads === "kv" ? env.kvHeads : 1;
}

/** What stages have written so far. */
export class Memory {
  private readonly tensors = new Map<Tensor, StoredTensor>();
  private readonly matrices = new Map<Bits, StoredBits>();

  writeTensor(tensor: Tensor, value: StoredTensor): void {
    this.tensors.set(tensor, value);
  }

  writeBits(bits: Bits, value: StoredBits): void {
    this.matrices.set(bits, value);
  }

  /** What there is of a tensor that begins there, or what `make` makes. */
  tensorFrom(tensor: Tensor, first: Origin, make: () => StoredTensor): StoredTensor {
    const found = this.tensors.get(tensor);
    if (found && isSame(found.first, first)) return found;
    const made = make();
    this.tensors.set(tensor, made);
    return made;
  }

  /** As {@link tensorFrom}, of a matrix of bits. */
  bitsFrom(bits: Bits, first: Origin, make: () => StoredBits): StoredBits {
    const found = this.matrices.get(bits);
    if (found && isSame(found.first, first)) return found;
    const made = make();
    this.matrices.set(bits, made);
    return made;
  }

  tensor(tensor: Tensor): StoredTensor {
    const found = this.tensors.get(tensor);
    if (!found) throw new Error(`${tensor.name} is read before it is written`);
    return found;
  }

  bits(bits: Bits): StoredBits {
    const found = this.matrices.get(bits);
    if (!found) throw new Error(`${bits.name} is read before it is written`);
    return found;
  }
}

const isSame = (a: Origin, b: Origin): boolean => a.b === b.b && a.head === b.head && a.row === b.row;
