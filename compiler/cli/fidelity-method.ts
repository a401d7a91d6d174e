import { diagnostic } from "../diagnostics/report.js";
import { wholeModule } from "../mask/branched.js";
import { compileMask } from "../mask/compile.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { queryOffset } from "../tiles/plan.js";
import { denseAttention } from "../../runtime/reference/dense.js";
import { mixRow } from "../../runtime/reference/mix.js";
import { rowIndex, type AttentionProblem, type MaskPredicate } from "../../runtime/reference/problem.js";
import type { RowOutput } from "../../runtime/verify/fidelity.js";
import { branchedCall } from "./branched-call.js";
import type { BranchedCall } from "./branched-call.js";
import { gatesOf } from "./branched-executor.js";
import type { QueriesAndKeys } from "./call-tensors.js";
import type { FidelityReport } from "./fidelity-report.js";
import { selectedCall } from "./selected-call.js";
import type { SelectedCallFlags } from "./selected-call.js";
import { EXIT, Stop } from "./stop.js";
import type { FloatTensor } from "./tensors.js";

/** A method on tensors, as it is compared with full attention. */
export interface Method {
  /** Its mask: of the branches that see keys one by one, where it has branches. */
  readonly module: MaskModule;
  readonly env: MaskEnv;
  readonly tensors: QueriesAndKeys;
  readonly problem: AttentionProblem;
  /** What it gives for a row, where that is more than attention under the mask. */
  readonly output?: RowOutput | undefined;
  readonly branches?: FidelityReport["branches"];
}

/** The method that the argument names, its selections made on these tensors. */
export async function methodOf(argument: string, flags: SelectedCallFlags, tensors: QueriesAndKeys, v: FloatTensor): Promise<Method> {
  return (await branchedMethod(argument, flags, tensors, v)) ?? (await oneMethod(argument, flags, tensors, v));
}

/** One attention; stops with ATTN6215 where its keys are windows. */
async function oneMethod(argument: string, flags: SelectedCallFlags, tensors: QueriesAndKeys, v: FloatTensor): Promise<Method> {
  const { module, env } = await selectedCall(argument, flags, tensors, v.shape[3]);
  if (module.windows !== undefined) throw noFullAttention(module.name);
  return { module, env, tensors, problem: problemOf(module, env, tensors, v, flags.scale) };
}

/** An attention with branches; undefined where the argument names none. Stops with ATTN6215 where all keys are windows. */
async function branchedMethod(
  argument: string,
  flags: SelectedCallFlags,
  tensors: QueriesAndKeys,
  v: FloatTensor,
): Promise<Method | undefined> {
  const call = await branchedCall(argument, flags, tensors, v.shape[3]);
  if (call === undefined) return undefined;
  const { mask, env } = call;
  const single = mask.branches.filter(({ from }) => from === undefined);
  if (single.length === 0) throw noFullAttention(mask.name);
  const module = wholeModule({ ...mask, branches: single });
  const windows = mask.branches.filter((branch) => !single.includes(branch));
  const named = (branches: typeof single): readonly string[] => branches.map(({ name }) => name);
  return {
    ...{ module, env, tensors },
    problem: problemOf(module, env, tensors, v, flags.scale),
    output: mixOf(call, v, flags.scale),
    branches: { keys: named(single), windows: named(windows) },
  };
}

const noFullAttention = (name: string): Stop => new Stop([diagnostic("ATTN6215", undefined, { name })], EXIT.usage);

function problemOf(module: MaskModule, env: MaskEnv, tensors: QueriesAndKeys, v: FloatTensor, scale: number | undefined): AttentionProblem {
  const { batch, heads, kvHeads, queries, headDim, q, k } = tensors;
  const sizes = { batch, heads, kvHeads, headDim, valueDim: v.shape[3], queries, keys: env.N, firstPosition: queryOffset(module, env) };
  return { ...sizes, scale, q: q.data, k: k.data, v: v.data, mask: maskOf(module, env) };
}

/** The mask of the operator, each head compiled once. */
function maskOf(module: MaskModule, env: MaskEnv): MaskPredicate {
  const known = new Map<number, (q: number, k: number) => boolean>();
  return (b, h, q, k) => {
    const key = b * env.heads + h;
    let looks = known.get(key);
    if (looks === undefined) known.set(key, (looks = compileMask(module, env, b, h)));
    return looks(q, k);
  };
}

/** Rows of the mix, each branch computed in float64. */
function mixOf({ mask, branches, tensors, floats }: BranchedCall, v: FloatTensor, scale: number | undefined): RowOutput {
  const problems = branches.map(({ module, env, windows }): AttentionProblem => {
    const own = problemOf(module, env, tensors, v, scale);
    return windows === undefined ? own : { ...own, k: windows.key, v: windows.value };
  });
  return (row) => {
    const parts = problems.map((problem) => denseAttention(problem, [row]));
    const gates = gatesOf(mask, floats, rowIndex(problems[0]!, row));
    const mixed = mixRow(mask.mix, { out: parts.map(({ out }) => out), lse: parts.map(({ lse }) => lse[0]!), gates });
    return mixed.out.map(({ value }) => value);
  };
}

/** All pairs that the space allows. */
export const fullOf =
  ({ space }: MaskModule): MaskPredicate =>
  (_b, _h, q, k) =>
    !space.causal || k <= q;
