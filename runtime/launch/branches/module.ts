import type { AttentionModule } from "../module.js";

/**
 * Keys of windows, one for each that fits whole among the call's keys: window w holds the keys `w * stride` to
 * `w * stride + n - 1`. Buffers are [batch, kvHeads, windows, headDim] and [batch, kvHeads, windows, valueDim] of the
 * module's dtype. The branch's module takes the number of the call's keys as its parameter `tokens`.
 */
export interface WindowsSpec {
  readonly key: string;
  readonly value: string;
  readonly n: number;
  readonly stride: number;
  readonly tokens: string;
}

export interface BranchSpec<Module extends AttentionModule = AttentionModule> {
  readonly name: string;
  /** An operator of its own, with those inputs and parameters of the whole that it reads. */
  readonly module: Module;
  readonly windows?: WindowsSpec | undefined;
}

/** Float32 numbers of the caller, [batch, heads, NQ, count]. */
export interface GatesSpec {
  readonly name: string;
  readonly count: number;
}

/** What is known of a mix whatever its kernel is. */
export interface MixRules {
  /** Numbers of the branches whose lse it reads, in their order. */
  readonly weighs: readonly number[];
  /** Whether the output has an lse. */
  readonly lse: boolean;
}

/**
 * The kernel that makes the output. Bindings of group 0: 0 uniforms, then the outputs of all branches; the lse of those
 * that `weighs` names, in one buffer; each of the gates; the output; and with `lse` that too. The lse buffer and
 * the last are left out where nothing is weighed or there is none.
 * Uniforms, all int32: rows; vectors, valueDim / 4; writeLse, 1 where the caller gave an lse buffer; empty, a bit for each
 * branch that has no keys in this call; lseStride, the words from one lse to the next.
 */
export interface MixSpec extends MixRules {
  readonly wgsl: string;
}

/** Threads of a workgroup of a mix; each makes four numbers of the output. */
export const MIX_THREADS = 64;

/** Most branches: each has a bit in `empty`. */
export const MOST_BRANCHES = 31;

/** An attention with branches, as a launcher checks and divides a call of it. */
export interface BranchedRules<Module extends AttentionModule = AttentionModule> {
  readonly name: string;
  /** What a call is checked against, in the form of an operator without kernels. */
  readonly call: AttentionModule;
  readonly branches: readonly BranchSpec<Module>[];
  readonly gates: readonly GatesSpec[];
  readonly mix: MixRules;
}

/** A compiled attention with branches. Plain data, written by the compiler. */
export interface BranchedModule extends BranchedRules {
  readonly mix: MixSpec;
}

/** The number of windows that fit whole. */
export const windowCount = ({ n, stride }: Pick<WindowsSpec, "n" | "stride">, keys: number): number =>
  keys < n ? 0 : Math.floor((keys - n) / stride) + 1;
