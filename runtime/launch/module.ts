/**
 * The launch manifest: what a compiled attention operator tells the runtime. Plain data, written by
 * the compiler into generated files, read by the launcher. All uniforms are 4-byte words.
 */

import type { OrderSpec } from "./curves.js";

/** Element types of q, k, v and out. Devices of WebGPU have no bf16. */
export type Dtype = "f32" | "f16" | "bf16";

/** Variables of a launch that a mask may depend on besides lengths and heads. */
export type LaunchVariable = "layer" | "layers" | "step" | "steps" | "phase";

export interface ParamSpec {
  readonly name: string;
  readonly default?: number | undefined;
  readonly min?: number | undefined;
}

/**
 * See the kinds of inputs in the language reference. All but `ids` reach the kernel as bit matrices. Ids with `order` are the
 * position of the token at each place, for all heads or for each kv head.
 */
export type InputSpec =
  | { readonly kind: "ids"; readonly name: string; readonly axis: "q" | "k"; readonly order?: true | undefined }
  | { readonly kind: "bits"; readonly name: string; readonly rows: "q" | number; readonly columns: "k" | number }
  | { readonly kind: "blocks"; readonly name: string; readonly n: number; readonly m: number }
  | { readonly kind: "columns"; readonly name: string }
  | { readonly kind: "diagonals"; readonly name: string }
  | { readonly kind: "csr"; readonly name: string; readonly n: number; readonly m: number };

/** Inputs of floats that selections read: float32, with optional leading axes `[batch]` and `[heads]`; see the mask IR. */
export type FloatInputSpec =
  | { readonly kind: "scores"; readonly name: string; readonly n: number; readonly m: number }
  | { readonly kind: "channels"; readonly name: string }
  | { readonly kind: "weights"; readonly name: string; readonly axis: "q" | "k" }
  | { readonly kind: "centroids"; readonly name: string; readonly axis: "q" | "k"; readonly n: number }
  | { readonly kind: "pooled"; readonly name: string; readonly n: number; readonly stride: number };

/**
 * Where the value of a uniform word comes from.
 * - `shape`: batch, heads, kvHeads, NQ, N, headDim; `offset` is N - NQ in a self space and 0 in a cross space.
 * - `scale`: the softmax scale times log2(e), as f32 bits.
 * - `tiles`: number of query tiles, ceil(NQ / tileQ).
 * - `writeLse`: 1 when the caller gave an lse buffer.
 * - `split`: see `launch/split.ts`; 0 where rows are computed whole.
 * - `param`, `launch`: by name. `scalars`: word offset of the host scalars in the aux buffer, laid out
 *   `[head][slot]`.
 * - `input`: a field of where the launcher put an input in the aux buffer, in words. For `ids`:
 *   base, batchStride, length, summary (base of `[tile] (min, max)` pairs of SUMMARY_TILE tokens),
 *   summaryBatchStride; with `order` also headCount, headStride, summaryHeadStride. For bit matrices, those of selections among them: base, batchStride, headCount, headStride,
 *   rowStride, rows, columns; where `lists` names them, also list, listBatchStride and listStride.
 * - `plainScale`: the softmax scale as f32 bits, not times log2(e).
 * - `size`: a number that `selection.sizes` gives.
 * - `floatInput`: of a float input in its own binding: batchStride and headStride, 0 where it has one of them, and headCount.
 */
export type UniformSource =
  | { readonly kind: "shape"; readonly name: "batch" | "heads" | "kvHeads" | "NQ" | "N" | "headDim" | "offset" | "tiles" }
  | { readonly kind: "scale" }
  | { readonly kind: "writeLse" }
  | { readonly kind: "split"; readonly field: "slots" | "busy" | "leastShare" }
  | { readonly kind: "param"; readonly name: string }
  | { readonly kind: "launch"; readonly name: LaunchVariable }
  | { readonly kind: "scalars" }
  | { readonly kind: "input"; readonly input: string; readonly field: InputField | ListField }
  | { readonly kind: "plainScale" }
  | { readonly kind: "size"; readonly index: number }
  | { readonly kind: "floatInput"; readonly input: string; readonly field: "batchStride" | "headStride" | "headCount" };

export type InputField =
  | "base"
  | "batchStride"
  | "length"
  | "summary"
  | "summaryBatchStride"
  | "summaryHeadStride"
  | "headCount"
  | "headStride"
  | "rowStride"
  | "rows"
  | "columns";

/** Of a list that is made of a row of bits. */
export type ListField = "list" | "listBatchStride" | "listStride";

/** Tokens per (min, max) pair of an `ids` input's summary. */
export const SUMMARY_TILE = 32;

export interface UniformField {
  readonly name: string;
  readonly type: "i32" | "f32";
  readonly source: UniformSource;
}

/** What the host scalars of one head may depend on. */
export interface ScalarEnv {
  readonly h: number;
  readonly kvh: number;
  readonly N: number;
  readonly NQ: number;
  readonly layer: number;
  readonly layers: number;
  readonly step: number;
  readonly steps: number;
  readonly phase: number;
  readonly params: Readonly<Record<string, number>>;
}

/**
 * One kernel text. Bindings of group 0: 0 uniforms, 1 q, 2 k, 3 v, 4 aux (read-only), 5 out, 6 lse.
 * Without inputs and scalars, aux is a small zero buffer; without lse, binding 6 is a small buffer.
 * Workgroups: tiles * heads * batch, in x, folded into y past 65535 (the kernel undoes it).
 */
export interface KernelVariant {
  /** For people and for choosing by name: `f32-software`, `f16-gpu`. */
  readonly name: string;
  /** The kind of device its schedule was made for. */
  readonly profile: "gpu" | "software" | "simd";
  /** Device features the text needs. */
  readonly features: readonly GPUFeatureName[];
  readonly headDim: number;
  readonly valueDim: number;
  readonly tileQ: number;
  readonly tileK: number;
  readonly threads: number;
  readonly workgroupBytes: number;
  /**
   * The product of subgroup matrices that the text has: m x k times k x n, which the device must have among its
   * `subgroupMatrixConfigs`. Its subgroups fill the workgroup: `threads` are a multiple of the largest.
   */
  readonly matrices?: MatrixProduct | undefined;
  readonly wgsl: string;
  /** Kernels that go through the keys block by block, for modules whose queries choose blocks of keys of their own. */
  readonly keyOrder?: KeyOrderKernels | undefined;
  /** Kernels that compute long rows in parts, for devices with room for more workgroups than there are query tiles. */
  readonly split?: { readonly plan: string; readonly parts: string; readonly merge: string } | undefined;
}

/**
 * See `launch/key-order`. Bindings of group 0 of `chosen` and `rest`: those of a kernel up to aux, 5 lists, 6 scratch,
 * 7 the fields of the order; of `merge`: 0 uniforms, 1 lists, 2 scratch, 3 out, 4 lse, 5 the fields of the order.
 */
export interface KeyOrderKernels {
  readonly chosen: string;
  readonly rest?: string | undefined;
  readonly merge: string;
}

/** What a launch in key order must know of the module. */
export interface KeyOrderSpec {
  /** The selection whose bits `[query, block]` say which blocks of `unit` keys a query chose. */
  readonly selection: string;
  readonly unit: number;
  /** The most blocks that a query chooses, where the declaration says so. */
  readonly most?: number | undefined;
  /** Whether heads that read the same keys and chose the same blocks may share a tile. */
  readonly grouped: boolean;
  /** Whether queries choose among the blocks up to their own only. */
  readonly causal: boolean;
}

/**
 * The part of a call for which a stage of a selection is run. Kv heads come with all query heads of their groups. A strip
 * of rows is those of `queries` queries at most, of which the first and the last strip may have fewer; it ends where a
 * query unit does. All parts of a launch have as many batch entries and kv heads, and the same `stripQueries`.
 */
export interface CallPart {
  readonly firstBatch: number;
  readonly partBatch: number;
  readonly firstKvHead: number;
  readonly partKvHeads: number;
  /** Queries of the call, counted from 0: from the first up to but without the end. */
  readonly firstQuery: number;
  readonly endQuery: number;
  /** Queries of a whole strip: room for its rows is kept in the scratch buffer. */
  readonly stripQueries: number;
}

/** How a call may be divided: strips hold a multiple of so many queries, heads may be divided or not. */
export interface PartRules {
  /** Absent where no stage can be run for a part of the rows. */
  readonly unit?: number | undefined;
  readonly heads: boolean;
}

/** What sizes of a selection depend on: all that a launch knows but its heads. */
export interface SizeEnv extends CallPart {
  readonly batch: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly N: number;
  readonly NQ: number;
}

/** Whether a launch makes a selection (`made`), the caller gives one of an earlier launch back (`given`), or as the caller likes. */
export type ReuseRule = "made" | "given" | "either";

/**
 * Passes that run before the kernel and make its bit matrices from the tensors of the call. Sizes are numbers of the
 * launch: `sizes` computes them all, other fields are indices into what it gives.
 */
export interface SelectionSpec {
  readonly sizes: (env: SizeEnv) => readonly number[];
  /** Bit matrices in the aux buffer, laid out like the caller's: packed rows, for each batch entry and head. */
  readonly matrices: readonly {
    readonly name: string;
    readonly heads: "query" | "kv" | "one";
    readonly rows: number;
    readonly columns: number;
    /** Whether the caller may give it back instead of having it made again, in launches in which `reuse` allows it. */
    readonly reusable: boolean;
    /** The matrix that is given back with it, or neither is: of a selection whose queries guard it, and of these queries. */
    readonly with?: string | undefined;
    /** The selection for which it holds, as words, the queries that were chosen for: zeros where they are not given back. */
    readonly remembers?: string | undefined;
    /** Whether its words are float32 numbers that a launch ends with. */
    readonly numbers?: true | undefined;
  }[];
  /** The rule for each matrix in one launch, in which no head differs from head 0; `either` for reusable ones where it is absent. */
  readonly reuse?: ((env: ScalarEnv) => readonly ReuseRule[]) | undefined;
  /** Words of the scratch buffer in all: stages find their tensors in it by `size` uniforms. */
  readonly scratch: number;
  readonly parts: PartRules;
  readonly floatInputs: readonly FloatInputSpec[];
  /** In order; each reads what those before it wrote. */
  readonly stages: readonly SelectionStage[];
  readonly uniforms: readonly UniformField[];
}

/**
 * One dispatch. Bindings of group 0: 0 uniforms (those of the selection), 1 q, 2 k, 3 aux (read and written), 4 scratch
 * (read and written), from 5 on the float inputs that it names. It needs no more than WebGPU's default limits, writes every
 * word of the matrices that it makes and leaves the rest of aux as it is; bits past the columns of a row are 0.
 */
export interface SelectionStage {
  /** For people: what it computes. */
  readonly name: string;
  readonly wgsl: string;
  /** Index of the number of workgroups, folded into y like those of a kernel. */
  readonly workgroups: number;
  readonly floatInputs: readonly string[];
  /** Matrices that it makes alone or helps to make: it is left out where the caller gives all of them back. */
  readonly serves: readonly string[];
  /** The number of the loop over strips of rows that it stands in, with its neighbours of the same number. */
  readonly strips?: number | undefined;
}

export interface MatrixProduct {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly component: string;
  readonly result: string;
}

export interface LengthRule {
  /** `any`; or `extents`: N is the product of the extents (numbers or names of params) plus `extra`. */
  readonly kind: "any" | "extents";
  readonly extents: readonly (number | string)[];
  /** Total length of the segments: the least N for `any`. */
  readonly extra: number;
}

export interface AttentionModule {
  readonly name: string;
  readonly space: "self" | "cross";
  readonly dtype: Dtype;
  readonly length: LengthRule;
  /**
   * The order of tokens in which kernels cut them into tiles, where it is not the caller's: `tiles(2, 8, 8)`. They find
   * the rows themselves.
   */
  readonly layout?: string | undefined;
  /** With a layout: there is a query tile for every tileQ keys, because the queries of a call may stand anywhere. */
  readonly queryPlaces?: true | undefined;
  /** Tables of the layout, which kernels read as inputs of ids; the launcher makes them. */
  readonly orders?: readonly OrderSpec[] | undefined;
  /**
   * Where the keys of the kernels are windows and there are selections: these, and inputs, are of the call whose number of keys
   * is the parameter `tokens`. What they read as its keys is given beside the windows.
   */
  readonly windows?: { readonly tokens: string; readonly space: "self" | "cross" } | undefined;
  /** The greatest N (and NQ) for which no index of the mask overflows 32 bits. */
  readonly maxLength: number;
  readonly defaults: { readonly heads: number; readonly kvHeads: number; readonly headDim: number; readonly valueDim: number };
  /** Head and layer counts that tables fix; a call with others is an error. */
  readonly fixed: { readonly heads?: number | undefined; readonly kvHeads?: number | undefined; readonly layers?: number | undefined };
  readonly params: readonly ParamSpec[];
  readonly phases: readonly string[];
  /** The launch variables the mask depends on: the caller must give them. */
  readonly uses: readonly LaunchVariable[];
  readonly inputs: readonly InputSpec[];
  /** Numbers that the host computes for each head, by slot; those of the slots `floats` are stored as the bits of float32. */
  readonly scalars?:
    | { readonly count: number; readonly floats?: readonly number[] | undefined; readonly evaluate: (env: ScalarEnv) => readonly number[] }
    | undefined;
  readonly selection?: SelectionSpec | undefined;
  /** Present where variants may have kernels of key order. */
  readonly keyOrder?: KeyOrderSpec | undefined;
  /** Inputs and selections of one row of bits whose columns the kernels take from a list, which the launcher makes. */
  readonly lists?: readonly string[] | undefined;
  readonly uniforms: readonly UniformField[];
  readonly variants: readonly KernelVariant[];
  /** Some rows are so much longer than others that they are worth computing in parts at any length. */
  readonly uneven?: boolean | undefined;
}
