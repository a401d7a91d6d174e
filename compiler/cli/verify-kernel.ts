import { oracleMask, readProgram } from "../oracle/oracle.js";
import type { MaskPredicate, OracleLaunch, OracleProgram } from "../oracle/oracle.js";
import { ofCall } from "../mask/windows.js";
import { unvisitedKeys } from "../tiles/visit.js";
import { parse } from "../syntax/parser.js";
import { verifyOperator } from "../../runtime/verify/operator.js";
import type { CaseResult, Selected, VerifyCall } from "../../runtime/verify/operator.js";
import { maskEnvOf } from "./executor.js";
import type { LoadedOperator } from "./executor.js";
import { nodeHost } from "./host.js";
import type { Operator } from "./operators.js";
import { readSource } from "./sources.js";
import { verifyCases } from "./verify-plan.js";
import { anyBits, checkSelections, givenSelections } from "./verify-selections.js";

/** How much is verified. */
export interface VerifyEffort {
  /** Numbers of keys; a few short ones by default. */
  readonly seq?: readonly number[] | undefined;
  readonly seeds: number;
  readonly quick?: boolean | undefined;
  readonly batch?: number | undefined;
  /** The interpreter is given less to do. */
  readonly onDevice: boolean;
}

const DEFAULT_LENGTHS = [64, 257];
const QUICK_LENGTHS = [129];
/** Random data of each layer and phase, fewer queries than keys, and large logits; what selections choose from. */
const QUICK_CASES = /^(random|fewer|large|strong|repeated|as many)/;
/** Pairs times heads per case: seconds on the software device. */
const DEVICE_PAIRS = 3e7;

/** The second evaluator of the masks of a file. */
export const oracleOf = (file: string): OracleProgram => readProgram(readSource(file), (source) => parse(source).tree, nodeHost);

/** Runs a kernel on the cases of its operator and compares with dense attention under the oracle's mask. */
export async function verifyKernel(
  { module, settings }: Operator,
  program: OracleProgram,
  kernel: LoadedOperator,
  request: VerifyEffort,
  onCase: (result: CaseResult, total: number) => void,
): Promise<void> {
  // The interpreter is a hundred times slower than the slowest device.
  const pairs = request.onDevice ? (request.quick ? DEVICE_PAIRS / 8 : DEVICE_PAIRS) : DEVICE_PAIRS / 100;
  const planned = verifyCases(module, {
    lengths: request.seq ?? (request.quick ? QUICK_LENGTHS : DEFAULT_LENGTHS),
    seeds: request.quick ? 1 : request.seeds,
    batch: request.batch,
    heads: settings.shape?.heads,
    kvHeads: settings.shape?.kvHeads,
    pairs,
    choose: request.seq === undefined,
  });
  const cases = request.quick ? planned.filter((one) => QUICK_CASES.test(one.name)) : planned;
  const { windows } = module;
  const selecting = ofCall(module);
  /** A call as its selections see it. */
  const ofKeys = (call: VerifyCall): VerifyCall => {
    if (windows === undefined) return call;
    const keys = call.params[windows.tokens]!;
    return { ...call, keys, firstPosition: windows.space.kind === "self" ? keys - call.queries : 0 };
  };
  const selects = module.selections !== undefined;
  const launchOf = (call: VerifyCall): OracleLaunch => ({
    N: ofKeys(call).keys,
    NQ: call.queries,
    heads: call.heads,
    kvHeads: call.kvHeads,
    ...call.launch,
    params: { ...settings.params, ...call.params },
    inputs: call.inputs,
  });
  const maskOf = (call: VerifyCall, selected?: Selected): MaskPredicate => {
    const launch = launchOf(call);
    const mask = oracleMask(program, module.name, { ...launch, selected, unselected: anyBits(Math.max(launch.N, launch.NQ)) });
    // The module numbers queries from 0; the oracle speaks of positions.
    const first = windows === undefined ? 0 : ofKeys(call).firstPosition;
    return first === 0 ? mask : (b, h, q, k) => mask(b, h, q + first, k);
  };
  await verifyOperator(
    {
      headDim: module.shape.headDim,
      valueDim: module.shape.valueDim,
      dtype: module.shape.dtype,
      weights: kernel.weights,
      space: module.space.kind,
      windowsOf:
        windows === undefined || !selects ? undefined : (one) => ({ keys: one.params[windows.tokens]!, space: windows.space.kind }),
      inputs: module.inputs,
      floatInputs: module.floatInputs,
      mask: maskOf,
      checkSelected: selects
        ? (call, tensors, selected) => checkSelections(program, selecting, launchOf(call), ofKeys(call), tensors, selected)
        : undefined,
      unused: selects
        ? undefined
        : (call) => {
            // By the plan, not by the mask: where the analysis is not exact, a tile without a pair may be loaded.
            const unvisited = unvisitedKeys(module, maskEnvOf(module, { ...call, ...call.launch }), call.batch, kernel.tiles);
            return (b, g, k) => unvisited[(b * call.kvHeads + g) * call.keys + k] === 1;
          },
      run: (tensors, call) => {
        const reuse = givenSelections(selecting, ofKeys(call), tensors);
        return kernel.run(tensors, { ...call, ...call.launch, ...(Object.keys(reuse).length === 0 ? {} : { reuse }) });
      },
    },
    cases.map((one) => ({ ...one, headDim: module.shape.headDim, valueDim: module.shape.valueDim, firstPosition: 0, inputs: {} })),
    { onCase: (result) => onCase(result, cases.length) },
  );
}
