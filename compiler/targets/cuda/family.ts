import type { TileProgram } from "../../program/ir.js";
import type { KeyOrderPrograms } from "../../program/lower.js";
import type { CudaDtype, CudaKernel, TensorMapBoxes } from "../../../runtime/cuda/module.js";

/** What a kernel is made for. */
export interface CudaProblem {
  readonly dtype: CudaDtype;
  readonly headDim: number;
  readonly valueDim: number;
  /** Rows of tiles are not neighbours in memory: see the layouts of the language. */
  readonly gathered: boolean;
}

/** What every schedule of a CUDA kernel says; families add their own sizes. */
export interface CudaSchedule {
  /** Rows of queries and keys per tile. */
  readonly tileQ: number;
  readonly tileK: number;
  readonly threads: number;
  readonly sharedBytes: number;
  /** Blocks take one tile of queries after another. */
  readonly persistent: boolean;
  readonly tensorMaps?: TensorMapBoxes | undefined;
}

/** One kernel of a source: a tile program, laid on threads for a problem. */
export interface Instance<S extends CudaSchedule = CudaSchedule> {
  readonly program: TileProgram;
  readonly schedule: S;
  readonly problem: CudaProblem;
  readonly kernel: CudaKernel;
  /** The programs of its kernels of key order, where it has them. */
  readonly keys?: KeyOrderPrograms | undefined;
}

/**
 * One way to lay tile programs on the threads of a block. Its `text` defines the operations of
 * statements.ts on a tile; its bodies make such a tile and put the statements to it.
 */
export interface Family<S extends CudaSchedule = CudaSchedule> {
  readonly name: string;
  /** Least compute capability, times ten, and whether later ones are without what it uses. */
  readonly architecture: number;
  readonly architectureOnly: boolean;
  /** Weights are rounded to the dtype before they meet the values, as tensor cores take them. */
  readonly roundsWeights: boolean;
  /** The sections of primitives that `text` uses beside the common one. */
  readonly primitives: readonly ("sm80" | "sm90")[];
  readonly text: string;
  /** The schedule for a problem; undefined where the family has none. */
  readonly schedule: (problem: CudaProblem) => S | undefined;
  /** What a kernel takes beside the tensors. */
  readonly parameters: string;
  /** Widths of the warpgroup products of a kernel, where it has some. */
  productWidths?(instance: Instance<S>): readonly number[];
  /**
   * The type of a tile that is made from a `Place`, and that statements are put to, where the family has such: it has kernels
   * of key order too then.
   */
  tile?(instance: Instance<S>): string;
  /** The body of a kernel, from the statements of its program. */
  body(instance: Instance<S>): string;
}

export const elementType: Readonly<Record<CudaDtype, string>> = { f32: "float", f16: "f16", bf16: "bf16" };

/** A kernel with the family that prints it. */
export interface FamilyInstance extends Instance {
  readonly family: Family;
}

/** The macro that says whether a family's kernels are compiled for the architecture at hand. */
export const guardOf = ({ name }: Family): string => `ATTNC_HAS_${name.toUpperCase()}`;
