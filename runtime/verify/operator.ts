import type { Dtype, FloatInputSpec, InputSpec } from "../launch/module.js";
import type { AttentionProblem, MaskPredicate } from "../reference/problem.js";
import type { VerifyCase } from "./cases.js";
import { compare, type Comparison, type Element } from "./compare.js";
import { randomFloats, randomInput, type VerifyInput } from "./inputs.js";
import { mixSeeds, random } from "./random.js";
import { sampleRows } from "./rows.js";
import type { MadeBits, SelectionCheck } from "./selection.js";
import { CANARY, makeTensors, TAIL, type UnusedKey, type VerifyTensors } from "./tensors.js";
import { expectedWithin } from "./tolerance.js";

/** One call of the operator: a case, with its inputs and what follows from it. */
export interface VerifyCall extends VerifyCase {
  readonly headDim: number;
  readonly valueDim: number;
  /** The position of query 0. */
  readonly firstPosition: number;
  readonly inputs: Readonly<Record<string, VerifyInput>>;
}

/** What is put to the test. */
export interface Operator {
  readonly headDim: number;
  readonly valueDim: number;
  readonly dtype: Dtype;
  /** See `AttentionProblem.weights`. */
  readonly weights?: Dtype | undefined;
  readonly space: "self" | "cross";
  /** Where keys are windows, of how many keys of the call, and whether queries stand among these: inputs and selections are of the call. */
  readonly windowsOf?: ((one: VerifyCase) => { readonly keys: number; readonly space: "self" | "cross" }) | undefined;
  readonly inputs: readonly InputSpec[];
  readonly floatInputs?: readonly FloatInputSpec[] | undefined;
  /**
   * The mask that the operator is meant to have, from anywhere but the path that made the kernel; under what its
   * selections chose in this very run, where it has any.
   */
  readonly mask: (call: VerifyCall, selected?: Selected) => MaskPredicate;
  /** Compares what was selected in a run with a slow selector: {@link checkSelection}. */
  readonly checkSelected?: ((call: VerifyCall, tensors: VerifyTensors, selected: Selected) => readonly SelectionCheck[]) | undefined;
  /**
   * The keys that the kernel promises not to load; NaN and infinities are put there. Absent: none are.
   * A key that some query sees must not be among them: the expected output is NaN then, and the case fails.
   * Selections read all keys; operators that have any have no such keys.
   */
  readonly unused?: ((call: VerifyCall, mask: MaskPredicate) => UnusedKey) | undefined;
  /**
   * Runs it on whole arrays, tails included, as they are; gives back `out` and `lse` as they are then, with
   * or without tails.
   */
  readonly run: (tensors: VerifyTensors, call: VerifyCall) => Promise<RunResult>;
}

/** Matrices of bits by the names of selections and flags. */
export type Selected = Readonly<Record<string, MadeBits>>;

export interface RunResult {
  readonly out: Float32Array;
  readonly lse?: Float32Array | undefined;
  readonly selected?: Selected | undefined;
}

export interface VerifyOptions {
  /** Multiply-adds to spend on the reference of one case; rows are sampled where all would take more. */
  readonly work?: number | undefined;
  /** Called after each case. */
  readonly onCase?: ((result: CaseResult, index: number) => void) | undefined;
}

/** What came of a case. */
export interface CaseResult {
  readonly name: string;
  readonly seq: number;
  readonly queries: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly batch: number;
  readonly maxAbs: number;
  readonly relL2: number;
  readonly lseMaxAbs: number;
  readonly tolerance: number;
  readonly lseTolerance: number;
  /** Rows that were compared, of all. */
  readonly rows: number;
  readonly ok: boolean;
  readonly worst?: Element | undefined;
  /** What else is wrong: elements not written, or written beyond the end. */
  readonly problem?: string | undefined;
  /** What its selections chose, where it has any. */
  readonly selections?: readonly SelectionCheck[] | undefined;
}

const DEFAULT_WORK = 3e7;

/** Runs an operator on cases and compares it with dense attention under its mask. */
export async function verifyOperator(
  operator: Operator,
  cases: readonly VerifyCase[],
  options: VerifyOptions = {},
): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  for (const one of cases) {
    const result = await verifyCase(operator, one, options.work ?? DEFAULT_WORK);
    results.push(result);
    options.onCase?.(result, results.length - 1);
  }
  return results;
}

export async function verifyCase(operator: Operator, one: VerifyCase, work = DEFAULT_WORK): Promise<CaseResult> {
  const { headDim, valueDim, dtype } = operator;
  const firstPosition = operator.space === "self" ? one.keys - one.queries : 0;
  const source = random(mixSeeds(one.seed, one.queries, one.keys, 7));
  const { keys, space } = operator.windowsOf?.(one) ?? { keys: one.keys, space: operator.space };
  const sizes = { ...one, keys, lastPosition: space === "self" ? keys : one.queries, headDim, space };
  const inputs = Object.fromEntries([
    ...operator.inputs.map((spec) => [spec.name, randomInput(spec, sizes, source)] as const),
    ...(operator.floatInputs ?? []).map((spec) => [spec.name, randomFloats(spec, sizes, source)] as const),
  ]);
  const call: VerifyCall = { ...one, headDim, valueDim, firstPosition, inputs };
  const own = makeTensors(one, operator, operator.unused?.(call, operator.mask(call)));
  const tensors = operator.windowsOf === undefined ? own : { ...own, callKeys: makeTensors({ ...one, keys }, operator).k };
  const got = await operator.run({ ...tensors, out: tensors.out.slice(), lse: tensors.lse.slice() }, call);
  const mask = operator.mask(call, got.selected);
  const selections = operator.checkSelected?.(call, tensors, got.selected ?? {});

  const problem: AttentionProblem = {
    ...one,
    headDim,
    valueDim,
    firstPosition,
    q: tensors.q,
    k: tensors.k,
    v: tensors.v,
    mask,
    weights: operator.weights,
  };
  const rows = sampleRows(one, Math.floor(work / (one.keys * (headDim + valueDim))), source);
  const expected = expectedWithin(problem, dtype, rows);
  const comparison = compare(expected, got, { ...one, valueDim });
  const total = one.batch * one.heads * one.queries;
  const wrong = unwritten("out", got.out, total * valueDim) ?? (got.lse === undefined ? undefined : unwritten("lse", got.lse, total));
  const ok = comparison.ok && wrong === undefined && (selections ?? []).every((each) => each.ok);
  return { ...summary(one, comparison), rows: rows.length, ok, problem: wrong, ...(selections === undefined ? {} : { selections }) };
}

function summary(one: VerifyCase, comparison: Comparison): Omit<CaseResult, "rows"> {
  const { name, keys, queries, heads, kvHeads, batch } = one;
  return { name, seq: keys, queries, heads, kvHeads, batch, ...comparison };
}

/** What comparing a sample cannot see: elements that were not written or are NaN, and elements beyond the end that were. */
function unwritten(tensor: string, values: Float32Array, used: number): string | undefined {
  if (values.length < used) return `${tensor} has ${values.length} elements, not ${used}`;
  for (let i = 0; i < used; i++) {
    if (values[i] === CANARY) return `${tensor}[${i}] was not written`;
    if (Number.isNaN(values[i])) return `${tensor}[${i}] is NaN`;
  }
  for (let i = used; i < Math.min(values.length, used + TAIL); i++) {
    if (values[i] !== CANARY) return `${tensor}[${i}], beyond the end, was written`;
  }
  return undefined;
}
