import { oracleMask, type MaskPredicate, type OracleInput, type OracleLaunch } from "../../../compiler/oracle/oracle.js";
import { libraryProgram } from "../library.js";
import { vectors, type Vectors } from "./tensors.js";

/** The queries and keys of one batch entry: vectors for each query head, and for each kv head. */
export interface Tokens {
  readonly heads: readonly Vectors[];
  readonly kvHeads: readonly Vectors[];
}

export interface Sizes {
  readonly N: number;
  readonly NQ?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly headDim?: number;
}

export interface Call extends Sizes {
  readonly NQ: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly scale: number;
  readonly q: readonly Vectors[];
  readonly k: readonly Vectors[];
}

/** A call with random queries and keys. */
export function randomCall(sizes: Sizes, seed = 1): Call {
  const { N, NQ = N, heads = 2, kvHeads = heads, headDim = 4 } = sizes;
  const each = (count: number, length: number, salt: number): Vectors[] =>
    Array.from({ length: count }, (_, head) => vectors(length, headDim, seed * 1000 + salt + head));
  return { N, NQ, heads, kvHeads, headDim, scale: 1 / Math.sqrt(headDim), q: each(heads, NQ, 0), k: each(kvHeads, N, 500) };
}

/** The mask of an attention of the library, made from the tensors of a call: `FILE.attn#NAME`. */
export function libraryMask(pattern: string, call: Call, launch: Partial<OracleLaunch> = {}): MaskPredicate {
  const [file, name] = pattern.split("#") as [string, string];
  const { N, NQ, heads, kvHeads, headDim, scale } = call;
  const tensors = { headDim, scale, q: Float32Array.from(call.q.flat(2)), k: Float32Array.from(call.k.flat(2)) };
  return oracleMask(libraryProgram(file), name, { N, NQ, heads, kvHeads, tensors, ...launch });
}

/** Floats of the caller, with axes heads, rows and columns, or heads and dim. */
export type Floats = Extract<OracleInput, { readonly kind: "floats" }>;
