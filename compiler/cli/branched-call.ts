import type { BranchedMask } from "../mask/branched.js";
import { wholeModule } from "../mask/branched.js";
import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import { ofCall } from "../mask/windows.js";
import { windowCount } from "../../runtime/launch/branches/module.js";
import type { SelectedBits } from "../../runtime/launch/selection/lists.js";
import { readBranchedInputs } from "./branched-inputs.js";
import { expectLengths } from "./call-tensors.js";
import type { QueriesAndKeys } from "./call-tensors.js";
import { chooseSelections, selectedInputs } from "./choose.js";
import { envOf } from "./lengths.js";
import { branchedAttention } from "./operators.js";
import type { Branched } from "./operators.js";
import { Progress } from "./progress.js";
import { requireCall } from "./required.js";
import type { SelectedCallFlags } from "./selected-call.js";
import { readSelections, selectionShapes } from "./selections.js";

/** What one branch of a call sees. */
export interface BranchCall {
  readonly name: string;
  readonly module: MaskModule;
  /** With its own keys, and what was selected among its inputs. */
  readonly env: MaskEnv;
  /** The caller's keys and values for it, where they are windows. */
  readonly windows?: { readonly key: Float32Array; readonly value: Float32Array } | undefined;
}

/** One call of an attention with branches on tensors from files, its selections made. */
export interface BranchedCall {
  readonly mask: BranchedMask;
  readonly env: MaskEnv;
  readonly tensors: QueriesAndKeys;
  /** Gates and pooled tensors by name. */
  readonly floats: Readonly<Record<string, Float32Array>>;
  readonly branches: readonly BranchCall[];
}

/** As `selectedCall` for an attention with branches; undefined where the argument names none. */
export async function branchedCall(
  argument: string,
  flags: SelectedCallFlags,
  tensors: QueriesAndKeys,
  valueDim: number,
): Promise<BranchedCall | undefined> {
  const { heads, kvHeads, keys, queries, headDim, batch } = tensors;
  const branched = branchedAttention(argument, { ...flags, heads, kvHeads, headDim, valueDim });
  if (branched === undefined) return undefined;
  const { mask } = branched;
  const whole = wholeModule(mask);
  expectLengths(whole, tensors.q.shape, tensors.k.shape);
  const env = envOf(whole, { ...flags, seq: keys, qSeq: queries });
  requireCall(whole, env);
  const { floats, values, maskInputs } = readBranchedInputs(mask, env, batch, flags.input);
  const reuse = readSelections("--reuse", flags.reuse, selectionShapes(whole, env, batch));
  const selected: Record<string, SelectedBits> = {};
  for (const { module } of mask.branches) {
    const names = module.selections?.map(({ name }) => name) ?? [];
    // A selection that several branches read is the same in all.
    if (names.every((name) => name in selected)) continue;
    const progress = new Progress();
    progress.update(`${module.name}: selecting`);
    // Selections are those of the call, whose keys its windows are of.
    const tokens = module.windows === undefined ? {} : { [module.windows.tokens]: env.N };
    const own = { ...env, params: { ...among(env.params ?? {}, module.params), ...tokens } };
    const request = {
      operator: { ...operatorOf(branched), module: ofCall(module) },
      env: own,
      phase: flags.phase,
      scale: flags.scale,
      device: flags.device,
    };
    const inputs = among(values, [...module.inputs, ...(module.floatInputs ?? [])]);
    Object.assign(selected, await chooseSelections({ ...request, inputs, tensors, reuse: among(reuse, module.selections ?? []) }));
    progress.done();
  }
  const whatIsSeen = { ...env, inputs: { ...maskInputs, ...selectedInputs(selected) } };
  return { mask, env: whatIsSeen, tensors, floats, branches: mask.branches.map((branch) => branchOf(branch, whatIsSeen, floats)) };
}

const operatorOf = ({ file, settings }: Branched): Pick<Branched, "file" | "settings"> => ({ file, settings });

/** The entries of those names. */
function among<T>(record: Readonly<Record<string, T>>, items: readonly { readonly name: string }[]): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => items.some((item) => item.name === name)));
}

function branchOf({ name, module, from }: BranchedMask["branches"][number], env: MaskEnv, floats: BranchedCall["floats"]): BranchCall {
  if (from === undefined) return { name, module, env };
  const { tokens } = module.windows!;
  const own = { ...env, N: windowCount(module.windows!, env.N), params: { ...env.params, [tokens]: env.N } };
  return { name, module, env: own, windows: { key: floats[from.key]!, value: floats[from.value]! } };
}
