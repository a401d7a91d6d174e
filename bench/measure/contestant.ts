import type { PairOrder } from "../../runtime/launch/key-order/plan.js";
import type { AttentionModule, LaunchVariable } from "../../runtime/launch/module.js";
import type { Int } from "../../compiler/select/ir.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import type { Workload } from "./data.js";
import type { OutputError } from "./error.js";

/**
 * - `kernel`: tensors lie in GPU buffers; from the submission of the kernel (and the selections before it) to its completion.
 * - `selection`: likewise, of the selections alone.
 * - `passes`: likewise, of each stage of the selections by itself.
 * - `transfers`: tensors are arrays; from their upload to the output in an array.
 */
export const MODES = ["kernel", "transfers"] as const;
export type Mode = (typeof MODES)[number] | "selection" | "passes";

/** A kernel of attnc. Plain data: it travels to the process that has the device. */
export interface OwnContestant {
  readonly kind: "own";
  readonly label: string;
  readonly mode: Mode;
  readonly workload: Workload;
  readonly mask: MaskModule;
  readonly module: Omit<AttentionModule, "scalars">;
  /** Host scalars `[head][slot]`: functions do not travel. */
  readonly scalars?: readonly (readonly number[])[] | undefined;
  /** Of the scalars those that are floats. */
  readonly floats?: readonly number[] | undefined;
  /** Sizes of the module's selections, as expressions: likewise. */
  readonly sizes?: readonly Int[] | undefined;
  readonly launch?: Readonly<Partial<Record<LaunchVariable, number>>> | undefined;
  /** Launches put into one submission, whose time is divided by it; 1 where it is left out. */
  readonly repeat?: number | undefined;
  /** A kernel by name, in place of the one that is chosen for the device. */
  readonly variant?: string | undefined;
  /** Where queries choose blocks of keys: which go first; the cheaper one where it is left out. */
  readonly order?: PairOrder | undefined;
}

/** The masks that the peer's operators can be asked for. */
export type PeerMask = { readonly kind: "causal" } | { readonly kind: "window"; readonly window: number };

export const PEER_OPERATORS = ["GroupQueryAttention", "MultiHeadAttention", "MultiHeadAttention with bias"] as const;

/** An operator of onnxruntime-web's WebGPU provider, as a model of one node. */
export interface PeerContestant {
  readonly kind: "peer";
  readonly label: string;
  readonly mode: Mode;
  readonly workload: Workload;
  readonly operator: (typeof PEER_OPERATORS)[number];
  readonly mask: PeerMask;
}

export type Contestant = OwnContestant | PeerContestant;

/** Contestants to be timed in turns. */
export interface TimingJob {
  readonly contestants: readonly Contestant[];
  /** Rounds after the warm-up. */
  readonly runs: number;
  /** A contestant that has run for so long, warm-up included, and once at least, sits out the other rounds. */
  readonly seconds: number;
}

export interface Timing {
  readonly label: string;
  /** Milliseconds of each round; empty where it failed. */
  readonly times: readonly number[];
  readonly error?: OutputError | undefined;
  /** Of the mode `passes`: milliseconds of each stage in each round. */
  readonly passes?: readonly (readonly number[])[] | undefined;
  /** Of an operator with selections: pairs looked at, of those that its space allows, on a sample of rows. */
  readonly density?: number | undefined;
  /** Which went first, where queries choose blocks of keys. */
  readonly order?: PairOrder | undefined;
  /** Why there are no times. */
  readonly failure?: string | undefined;
  /** The kernel that was chosen, of attnc's own. */
  readonly kernel?: { readonly name: string; readonly tileQ: number; readonly tileK: number } | undefined;
}

/** An output further from float64 than this, relative, is not attention under the mask: float32 gives about 1e-7. */
export const WRONG = 1e-3;

export const isWrong = ({ error }: Timing): boolean => error !== undefined && !(error.relL2 <= WRONG);

/** What to say of timings that failed, or whose output is wrong. */
export function failuresOf(timings: readonly Timing[]): readonly string[] {
  return timings.flatMap((timing) => {
    const { label, failure, error } = timing;
    if (failure !== undefined) return [`${label}: ${failure}`];
    return isWrong(timing) ? [`${label}: relative L2 error ${error!.relL2}`] : [];
  });
}

/** A contestant that is ready to run. */
export interface Runner {
  /** Runs once; milliseconds. */
  time(): Promise<number>;
  /** The output of the last run, `[heads, queries, headDim]`; absent where it has none. */
  output(): Promise<Float32Array | undefined>;
  mask(head: number, query: number, key: number): boolean;
  readonly kernel?: Timing["kernel"];
  readonly passes?: (() => readonly (readonly number[])[]) | undefined;
  /** Known after the output. */
  readonly density?: (() => number | undefined) | undefined;
  readonly order?: (() => Promise<PairOrder | undefined>) | undefined;
  destroy(): Promise<void>;
}
