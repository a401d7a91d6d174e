import type { MaskEnv } from "../mask/evaluate.js";
import type { MaskModule } from "../mask/ir.js";
import type { SelectedBits } from "../../runtime/launch/selection/lists.js";
import { expectLengths } from "./call-tensors.js";
import type { QueriesAndKeys } from "./call-tensors.js";
import { chooseSelections, selectedInputs } from "./choose.js";
import type { DeviceChoice, LengthFlags, ShapeFlags } from "./flags.js";
import { readInputs } from "./inputs.js";
import { envOf } from "./lengths.js";
import { findOperators, oneOperator } from "./operators.js";
import { Progress } from "./progress.js";
import { requireCall } from "./required.js";
import { readSelections, selectionShapes } from "./selections.js";

export interface SelectedCallFlags extends ShapeFlags, LengthFlags {
  readonly scale?: number;
  readonly input?: readonly string[];
  readonly reuse?: readonly string[];
  /** Where selections are made; by the slow selector in float64 where there is none. */
  readonly device?: DeviceChoice;
}

/** One call of an operator on tensors from files, its selections made. */
export interface SelectedCall {
  readonly module: MaskModule;
  /** What was selected is among its inputs. */
  readonly env: MaskEnv;
  readonly tensors: QueriesAndKeys;
  readonly selected: Readonly<Record<string, SelectedBits>>;
}

/** Reads inputs, and makes the selections of the operator, if it has any. */
export async function selectedCall(
  argument: string,
  flags: SelectedCallFlags,
  tensors: QueriesAndKeys,
  valueDim?: number,
): Promise<SelectedCall> {
  const { heads, kvHeads, keys, queries, headDim, batch } = tensors;
  const shape = { ...flags, heads, kvHeads, headDim, ...(valueDim === undefined ? {} : { valueDim }) };
  const module = oneOperator(argument, shape);
  expectLengths(module, tensors.q.shape, tensors.k.shape);
  const bare = envOf(module, { ...flags, seq: keys, qSeq: queries });
  requireCall(module, bare);
  const { values, maskInputs } = readInputs(module, bare, flags.input, batch);
  const reuse = readSelections("--reuse", flags.reuse, selectionShapes(module, bare, batch));
  const operator = { ...findOperators([argument], shape).operators[0]!, module };
  const progress = new Progress();
  progress.update(`${module.name}: selecting`);
  const { phase, scale, device } = flags;
  const selected = await chooseSelections({ operator, env: bare, phase, scale, inputs: values, tensors, reuse, device });
  progress.done();
  return { module, env: { ...bare, inputs: { ...maskInputs, ...selectedInputs(selected) } }, tensors, selected };
}
