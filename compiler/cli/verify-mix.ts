import { hasLse, wholeModule } from "../mask/branched.js";
import { allRows } from "../../runtime/reference/problem.js";
import { roundedTo, storeRounding } from "../../runtime/reference/formats.js";
import { mixRow } from "../../runtime/reference/mix.js";
import { windowCount } from "../../runtime/launch/branches/module.js";
import type { VerifyCase } from "../../runtime/verify/cases.js";
import { compare } from "../../runtime/verify/compare.js";
import { randomFloats, randomInput } from "../../runtime/verify/inputs.js";
import type { VerifyInput } from "../../runtime/verify/inputs.js";
import type { CaseResult } from "../../runtime/verify/operator.js";
import { mixSeeds, random } from "../../runtime/verify/random.js";
import { loadBranched, rowOf, runBranch } from "./branched-executor.js";
import type { BranchedTensors, LoadedBranched } from "./branched-executor.js";
import type { Executor, ExecutorCall, LoadedOperator } from "./executor.js";
import type { Branched } from "./operators.js";
import { verifyCases } from "./verify-plan.js";

/** Kinds of calls that a mix could confuse: lengths, heads, batch entries. The rest is the branches' business. */
const CASES = /^(random, seed 1|fewer|large|two batch entries|grouped|one query|length|shortest)/;
const LENGTHS = [257];
/** Pairs times heads of a case. */
const PAIRS = 2e6;

/**
 * The output of an attention with branches against a mix in float64 of what its branches give by themselves, which are
 * verified as attentions of their own: all rows, and no more room than what float32 makes of the mix.
 */
export async function verifyMix(
  { mask, settings }: Branched,
  executor: Executor,
  options: { readonly tuned: boolean; readonly seq?: readonly number[] | undefined; readonly quick?: boolean | undefined },
  onCase: (result: CaseResult, total: number) => void,
): Promise<void> {
  const planned = verifyCases(wholeModule(mask), {
    lengths: options.seq ?? LENGTHS,
    seeds: 1,
    heads: settings.shape?.heads,
    kvHeads: settings.shape?.kvHeads,
    pairs: executor.onDevice ? PAIRS : PAIRS / 10,
  }).filter(({ name }) => CASES.test(name));
  const cases = options.quick ? planned.slice(0, 2) : planned;
  const whole = await loadBranched(executor, mask, options.tuned);
  const parts = await Promise.all(mask.branches.map(({ module }) => executor.load(module)));
  for (const one of cases) onCase(await verifyCase(mask, whole, parts, one), cases.length);
  whole.destroy();
  for (const part of parts) part.destroy();
}

async function verifyCase(
  mask: Branched["mask"],
  whole: LoadedBranched,
  operators: readonly LoadedOperator[],
  one: VerifyCase,
): Promise<CaseResult> {
  const { valueDim, dtype } = mask.shape;
  const { batch, heads, kvHeads, queries, keys, name, launch } = one;
  const { tensors, call } = dataOf(mask, one);
  const got = await whole.run(tensors, { ...call, ...launch });
  const parts: Parameters<typeof rowOf>[1][number][] = [];
  for (const [i, operator] of operators.entries()) parts.push(await runBranch(mask, i, operator, tensors, { ...call, ...launch }));
  const rows = allRows({ batch, heads, queries });
  const mixed = rows.map((_, row) => mixRow(mask.mix, rowOf(mask, parts, tensors.floats, row)));
  const out = Float64Array.from(mixed.flatMap((row) => row.out.map(({ value }) => value)));
  const lse = Float64Array.from(mixed.map((row) => row.lse?.value ?? 0));
  const nothing = new Float64Array(0);
  const expected = {
    rows,
    out,
    lse,
    outTolerance: Float64Array.from(mixed.flatMap((row) => row.out.map(({ value, error }) => error + storeRounding(dtype, value)))),
    lseTolerance: Float64Array.from(mixed.map((row) => row.lse?.error ?? 0)),
    ...{ outRounding: nothing, outNarrowing: nothing, lseRounding: nothing },
  };
  const comparison = compare(expected, hasLse(mask.mix) ? got : { out: got.out }, { heads, queries, valueDim });
  return { name, seq: keys, queries, heads, kvHeads, batch, ...comparison, rows: rows.length };
}

/** Random tensors and inputs of a case. */
function dataOf(mask: Branched["mask"], one: VerifyCase): { readonly tensors: BranchedTensors; readonly call: ExecutorCall } {
  const { headDim, valueDim, dtype } = mask.shape;
  const { batch, heads, kvHeads, queries, keys, params } = one;
  const source = random(mixSeeds(one.seed, queries, keys, 11));
  const normal = (count: number, factor = 1): Float32Array => Float32Array.from({ length: count }, () => source.normal() * factor);
  const tensor = (count: number, factor = 1): Float32Array => roundedTo(dtype, normal(count, factor));
  const lastPosition = mask.space.kind === "self" ? keys : queries;
  const sizes = { ...one, lastPosition, headDim, space: mask.space.kind };
  const inputs: Record<string, VerifyInput> = Object.fromEntries([
    ...mask.inputs.map((spec) => [spec.name, randomInput(spec, sizes, source)] as const),
    ...mask.floatInputs.map((spec) => [spec.name, randomFloats(spec, sizes, source)] as const),
  ]);
  const floats: Record<string, Float32Array> = {};
  for (const { name, count } of mask.gates) floats[name] = normal(batch * heads * queries * count, 2);
  for (const { from, module } of mask.branches) {
    if (from === undefined) continue;
    const windows = windowCount(module.windows!, keys);
    const rows = batch * kvHeads * windows;
    floats[from.key] ??= tensor(rows * headDim);
    floats[from.value] ??= tensor(rows * valueDim);
    // A selection that reads them too reads the same numbers.
    for (const { name } of mask.floatInputs) {
      const dim = name === from.key ? headDim : name === from.value ? valueDim : undefined;
      if (dim !== undefined)
        inputs[name] = { kind: "floats", shape: [batch, kvHeads, windows, dim], data: Float32Array.from(floats[name]!) };
    }
  }
  const large = one.data === "large logits" ? 8 : 1;
  const tensors = {
    q: tensor(batch * heads * queries * headDim, large),
    k: tensor(batch * kvHeads * keys * headDim, large),
    v: tensor(batch * kvHeads * keys * valueDim),
    floats,
  };
  return { tensors, call: { batch, heads, kvHeads, queries, keys, params, inputs } };
}
