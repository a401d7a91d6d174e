import type { Diagnostic } from "../../diagnostics/diagnostic.js";
import { oracleMask, readProgram } from "../../oracle/oracle.js";
import type { MaskPredicate, OracleProgram } from "../../oracle/oracle.js";
import { unvisitedKeys } from "../../tiles/plan.js";
import { parse } from "../../syntax/parser.js";
import { verifyOperator } from "../../../runtime/verify/operator.js";
import type { CaseResult, VerifyCall } from "../../../runtime/verify/operator.js";
import { maskEnvOf, openExecutor } from "../executor.js";
import type { Executor, LoadedOperator } from "../executor.js";
import type { DeviceChoice, ShapeFlags } from "../flags.js";
import { nodeHost } from "../host.js";
import { print, printJson, say } from "../io.js";
import { findOperators } from "../operators.js";
import type { Operator } from "../operators.js";
import { Progress } from "../progress.js";
import { runtimeDiagnostic } from "../runtime-error.js";
import { readSource } from "../sources.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { verifyJson, verifyText } from "../verify-report.js";
import type { OperatorResult } from "../verify-report.js";
import { verifyCases } from "../verify-plan.js";

export interface VerifyFlags extends ShapeFlags {
  readonly seq?: readonly number[];
  readonly seeds: number;
  readonly quick?: boolean;
  readonly device: DeviceChoice;
  readonly format: "text" | "json";
}

const DEFAULT_LENGTHS = [64, 257];
const QUICK_LENGTHS = [129];
/** Random data of each layer and phase, fewer queries than keys, and large logits. */
const QUICK_CASES = /^(random|fewer|large)/;
/** Pairs times heads per case: seconds on the software device. */
const DEVICE_PAIRS = 3e7;
/** Kernels that compile while others are verified. */
const AHEAD = 3;

/** `attnc verify`: generated kernels against dense reference attention. */
export async function verify(files: readonly string[], flags: VerifyFlags): Promise<ExitCode> {
  const { operators: chosen, notes } = findOperators(files, flags);
  const progress = new Progress();
  progress.update("opening the device");
  const executor = await openExecutor(flags.device);
  progress.clear();
  const text = flags.format === "text";
  notes.forEach(say);
  if (text) say(`verifying ${chosen.length} operator${chosen.length === 1 ? "" : "s"} on ${executor.description}`);
  const results: OperatorResult[] = [];
  const programs = new Map<string, OracleProgram>();
  const load = loader(executor, chosen);
  for (const [index, operator] of chosen.entries()) {
    const { module, file } = operator;
    const counter = `${index + 1}/${chosen.length} ${module.name}`;
    for (let ahead = 1; ahead <= AHEAD; ahead++) void load(index + ahead);
    progress.update(`${counter}: compiling`);
    let program = programs.get(file);
    if (!program) programs.set(file, (program = readProgram(readSource(file), (source) => parse(source).tree, nodeHost)));
    const cases: CaseResult[] = [];
    let error: Diagnostic | undefined;
    try {
      const kernel = await load(index)!;
      await verifyOne(operator, program, kernel, executor, flags, (result, total) => {
        cases.push(result);
        progress.update(`${counter}: case ${cases.length} of ${total}`);
      });
      kernel.destroy();
    } catch (thrown) {
      // What the device refuses of one operator says nothing of the others.
      error = runtimeDiagnostic(thrown);
      if (!error) throw thrown;
    }
    const result = { file, name: module.name, ok: !error && cases.every((c) => c.ok), cases, error };
    results.push(result);
    progress.clear();
    if (text) print(verifyText(result));
  }
  progress.done();
  if (flags.format === "json") printJson(verifyJson(executor.description, results));
  else print(summary(results, flags.quick === true));
  if (results.some((r) => r.cases.some((c) => !c.ok))) return EXIT.mismatch;
  return results.every((r) => r.ok) ? EXIT.ok : EXIT.diagnostics;
}

function summary(results: readonly OperatorResult[], quick: boolean): string {
  const failed = results.filter((r) => !r.ok).length;
  if (failed === 0) return `all ${results.length} verified${quick ? " (quick: few cases)" : ""}`;
  const unrun = results.filter((r) => r.error).length;
  return `${failed} of ${results.length} not verified${unrun === 0 ? "" : `, of which ${unrun} could not be run`}`;
}

/** Loads operators by their index, each once, so that kernels compile while others are verified. */
function loader(executor: Executor, chosen: readonly Operator[]): (index: number) => Promise<LoadedOperator> | undefined {
  const loaded = new Map<number, Promise<LoadedOperator>>();
  return (index) => {
    const operator = chosen[index];
    if (!operator) return undefined;
    let found = loaded.get(index);
    if (!found) {
      loaded.set(index, (found = executor.load(operator.module)));
      // Awaited in its turn; a failure must not end the process before.
      found.catch(() => undefined);
    }
    return found;
  };
}

async function verifyOne(
  { module, settings }: Operator,
  program: OracleProgram,
  kernel: LoadedOperator,
  executor: Executor,
  flags: VerifyFlags,
  onCase: (result: CaseResult, total: number) => void,
): Promise<void> {
  // The interpreter is a hundred times slower than the slowest device.
  const pairs = executor.gpu ? DEVICE_PAIRS : DEVICE_PAIRS / 100;
  const planned = verifyCases(module, {
    lengths: flags.seq ?? (flags.quick ? QUICK_LENGTHS : DEFAULT_LENGTHS),
    seeds: flags.quick ? 1 : flags.seeds,
    batch: flags.batch,
    heads: settings.shape?.heads,
    kvHeads: settings.shape?.kvHeads,
    pairs,
  });
  const cases = flags.quick ? planned.filter((one) => QUICK_CASES.test(one.name)) : planned;
  const maskOf = (call: VerifyCall): MaskPredicate =>
    oracleMask(program, module.name, {
      N: call.keys,
      NQ: call.queries,
      heads: call.heads,
      kvHeads: call.kvHeads,
      ...call.launch,
      params: { ...settings.params, ...call.params },
      inputs: call.inputs,
    });
  await verifyOperator(
    {
      headDim: module.shape.headDim,
      valueDim: module.shape.valueDim,
      dtype: module.shape.dtype,
      space: module.space.kind,
      inputs: module.inputs,
      mask: maskOf,
      unused: (call) => {
        // By the plan, not by the mask: where the analysis is not exact, a tile without a pair may be loaded.
        const unvisited = unvisitedKeys(module, maskEnvOf(module, { ...call, ...call.launch }), call.batch, kernel.tiles);
        return (b, g, k) => unvisited[(b * call.kvHeads + g) * call.keys + k] === 1;
      },
      run: (tensors, call) => kernel.run(tensors, { ...call, ...call.launch }),
    },
    cases.map((one) => ({ ...one, headDim: module.shape.headDim, valueDim: module.shape.valueDim, firstPosition: 0, inputs: {} })),
    { onCase: (result) => onCase(result, cases.length) },
  );
}
