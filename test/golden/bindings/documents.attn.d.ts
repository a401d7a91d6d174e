import {
  type AttentionModule,
  type AttentionOptions,
  type BufferRef,
  type InputArray,
  type InputBuffer,
  type Requirements,
} from "attnc/runtime";

/** Heads and dimensions of `packed_documents`. */
export interface PackedDocumentsShape {
  /** Query heads; 4 when left out. */
  readonly heads?: number | undefined;
  /** Key-value heads, a divisor of `heads`; 2 when left out. */
  readonly kvHeads?: number | undefined;
  /** Size of a query and a key; 32 when left out. */
  readonly headDim?: 32 | undefined;
  /** Size of a value; as `headDim` when left out. */
  readonly valueDim?: 32 | undefined;
}

/** The app's buffers for one call of `packed_documents`, row-major and without gaps. Usage: STORAGE. */
export type PackedDocumentsBuffers = {
  /** Queries, [batch, heads, queryLength, headDim], f32. */
  readonly q: BufferRef;
  /** Keys, [batch, kvHeads, keyLength, headDim], f32. */
  readonly k: BufferRef;
  /** Values, [batch, kvHeads, keyLength, valueDim], f32. */
  readonly v: BufferRef;
  /** The output, f32, [batch, heads, queryLength, valueDim]; a row that sees no key is 0. */
  readonly out: BufferRef;
  /** Logarithm of the sum of the exponentials of each row's scaled logits, [batch, heads, queryLength], f32, base e; -Infinity for a row that sees no key. */
  readonly lse?: BufferRef | undefined;
  /** One integer for each key's token, [batch, keyLength]. The batch axis may be left out where all entries share the ids. As int32. */
  readonly doc: InputBuffer;
};

/** Arrays for one call of `packed_documents`, row-major and without gaps. */
export type PackedDocumentsArrays = {
  /** Queries, [batch, heads, queryLength, headDim], f32. */
  readonly q: Float32Array;
  /** Keys, [batch, kvHeads, keyLength, headDim], f32. */
  readonly k: Float32Array;
  /** Values, [batch, kvHeads, keyLength, valueDim], f32. */
  readonly v: Float32Array;
  /** One integer for each key's token, [batch, keyLength]. The batch axis may be left out where all entries share the ids. */
  readonly doc: InputArray;
};

/** What a run of `packed_documents` gives back. */
export interface PackedDocumentsResult {
  /** [batch, heads, queryLength, valueDim]; a row that sees no key is 0. */
  readonly out: Float32Array;
  /** Logarithm of the sum of the exponentials of each row's scaled logits, [batch, heads, queryLength], f32, base e; -Infinity for a row that sees no key. */
  readonly lse: Float32Array;
}

/** One call of `packed_documents`: its lengths and what else may change from call to call. */
export type PackedDocumentsCall = {
  /** Batch entries; 1 when left out. */
  readonly batch?: number | undefined;
  /** Values of the runtime parameters for this call. */
  readonly params?:
    | {
        /** Runtime parameter `window`. 24 when left out; at least 1. */
        readonly window?: number | undefined;
      }
    | undefined;
  /** Factor of the logits; 1 / sqrt(headDim) when left out. */
  readonly scale?: number | undefined;
} & (
  | {
      /** Number of tokens, where there are as many queries as keys. At most 16777216. */
      readonly length: number;
      readonly queryLength?: undefined;
      readonly keyLength?: undefined;
    }
  | {
      /** Number of queries: they are the last tokens of the sequence. */
      readonly queryLength: number;
      /** Number of keys: the tokens of the whole sequence. At most 16777216. */
      readonly keyLength: number;
      readonly length?: undefined;
    }
);

/**
 * Documents in one sequence, with a window. A doc may hold *\/ and `code` and ${braces}.
 *
 * Made by {@link createPackedDocuments}.
 */
export interface PackedDocuments {
  /** Encodes one launch into the app's encoder, on the app's buffers: no copy, no submit. Throws an `AttnError` that names the field before anything is encoded. */
  encode(
    encoder: GPUCommandEncoder,
    buffers: PackedDocumentsBuffers,
    call: PackedDocumentsCall,
    timestampWrites?: GPUComputePassTimestampWrites,
  ): void;
  /** Runs on plain arrays: uploads, launches, waits and reads back. Rejects with an `AttnError` that names the field. */
  run(arrays: PackedDocumentsArrays, call: PackedDocumentsCall): Promise<PackedDocumentsResult>;
  /** Frees the operator's own buffers; the app's are left alone. */
  destroy(): void;
}

/** Features and limits to request a device for `packed_documents` with: `adapter.requestDevice(packedDocumentsRequirements(adapter))`. Without an adapter, the least with which a kernel runs. */
export declare function packedDocumentsRequirements(adapter?: Pick<GPUAdapter, "features" | "limits">): Requirements;

/**
 * Documents in one sequence, with a window. A doc may hold *\/ and `code` and ${braces}.
 *
 * Makes `packed_documents` (patterns/documents.attn:9) on the app's device: chooses a kernel for it and compiles it, once for each device. Rejects with an `AttnError`.
 */
export declare function createPackedDocuments(
  device: GPUDevice,
  shape?: PackedDocumentsShape,
  options?: AttentionOptions,
): Promise<PackedDocuments>;

/** Features and limits to request a device with that is to run every operator of this file. */
export declare function requirements(adapter?: Pick<GPUAdapter, "features" | "limits">): Requirements;

/** The launch manifest of `packed_documents`: its kernels and what they are to be given. */
export declare const packedDocumentsModule: AttentionModule;
