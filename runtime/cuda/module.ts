import type { AttentionModule, Dtype } from "../launch/module.js";

/** What the names of an operator's kernels begin with: branches of an attention have a dot in theirs. */
export const symbolStem = (operator: string): string => `attnc_${operator.replaceAll(".", "_")}`;

/** Element types of a CUDA kernel's q, k, v and out. lse is always f32. */
export type CudaDtype = Dtype;

/** Boxes of the tensor maps of q, k and v, where a kernel fetches them by bulk tensor copies. */
export interface TensorMapBoxes {
  /** Rows of q in one copy. Kernels that fetch q by other means, as rows of a tile may come from several heads, get a map all the same. */
  readonly queryRows: number;
  /** Rows of k and of v in one copy. */
  readonly keyRows: number;
  /** The inner extent, in elements. */
  readonly innerElements: number;
}

/** One kernel of a CUDA source: a schedule of the tile program for one dtype and pair of dims. */
export interface CudaKernel {
  /** What people call it: `mma-f16`. */
  readonly name: string;
  /** Its extern "C" name in the source. */
  readonly symbol: string;
  /** Least compute capability, times ten: 75, 80, 90. */
  readonly architecture: number;
  /** It uses what only this architecture has (sm_90a): later ones cannot run it. */
  readonly architectureOnly: boolean;
  readonly dtype: CudaDtype;
  readonly headDim: number;
  readonly valueDim: number;
  readonly tileQ: number;
  readonly tileK: number;
  readonly threads: number;
  readonly sharedBytes: number;
  /** Blocks take tiles until none is left: no more of them than the device runs at once. */
  readonly persistent: boolean;
  /**
   * Rows of a query tile are the queries of all heads of a kv head's group, head by head for each query: there are
   * `ceil(NQ * heads / kvHeads / tileQ)` tiles for each of the kv heads. Otherwise a head has `ceil(NQ / tileQ)`, or
   * `ceil(N / tileQ)` with a layout.
   */
  readonly packsHeads: boolean;
  /** The type to which softmax weights are rounded before the product with the values, where tensor cores take them so; f32 otherwise. */
  readonly weights?: CudaDtype | undefined;
  /**
   * Kernels that go through the keys block by block, with this one's tiles, threads and shared memory, and `rest`, the tiles
   * of what is left of the mask: see `launch/key-order`. They take the uniforms, q, k, v, the aux words, the fields of the
   * order, the lists and the parts.
   */
  readonly keyOrder?: { readonly chosen: string; readonly rest?: string | undefined } | undefined;
  /** Present where keys and values come by bulk tensor copies. */
  readonly tensorMaps?: TensorMapBoxes | undefined;
}

/**
 * A kernel that runs before that of the attention, with others in their order: see `SelectionStage`. Its parameters are the
 * uniforms of the selection, q, k, the aux words, the scratch words, and all float inputs of the module in their order.
 */
export interface CudaStage {
  /** For people: what it computes. */
  readonly name: string;
  /** Its extern "C" name in the source; where it is `typed`, `_f16` or another dtype follows. */
  readonly symbol: string;
  /** It reads q or k: there is one for each dtype. */
  readonly typed: boolean;
  readonly threads: number;
  readonly sharedBytes: number;
  /** Index of the number of blocks among the sizes of the selection. */
  readonly blocks: number;
  /** Matrices that it makes alone or helps to make: it is left out where the caller gives all of them back. */
  readonly serves: readonly string[];
  /** The number of the loop over strips of rows that it stands in, with its neighbours of the same number. */
  readonly strips?: number | undefined;
}

/** As AttentionModule, with CUDA kernels. `variants` is empty, and so are the stages of `selection`: those of `cuda.stages` take their place. */
export interface CudaModule extends AttentionModule {
  /** `kernels` are listed best first for each dtype and dims. */
  readonly cuda: { readonly source: string; readonly kernels: readonly CudaKernel[]; readonly stages?: readonly CudaStage[] | undefined };
}
