import type { Diagnostic } from "../../diagnostics/diagnostic.js";
import type { OracleProgram } from "../../oracle/oracle.js";
import type { PairOrder } from "../../../runtime/launch/key-order/plan.js";
import type { CaseResult } from "../../../runtime/verify/operator.js";
import { checkKernel } from "../flags.js";
import { openExecutor, tunedNote } from "../executor.js";
import type { Executor, LoadedOperator } from "../executor.js";
import type { DeviceChoice, ShapeFlags } from "../flags.js";
import { print, printJson, say } from "../io.js";
import { findOperators } from "../operators.js";
import type { Operator } from "../operators.js";
import { Progress } from "../progress.js";
import { runtimeDiagnostic } from "../runtime-error.js";
import { EXIT, Stop } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { verifyJson, verifyText } from "../verify-report.js";
import type { OperatorResult } from "../verify-report.js";
import { oracleOf, verifyKernel } from "../verify-kernel.js";
import { verifyMix } from "../verify-mix.js";

export interface VerifyFlags extends ShapeFlags {
  readonly seq?: readonly number[];
  readonly seeds: number;
  readonly quick?: boolean;
  readonly device: DeviceChoice;
  readonly tuned: boolean;
  readonly kernel?: string;
  readonly order: PairOrder;
  readonly format: "text" | "json";
}

/** Kernels that compile while others are verified. */
const AHEAD = 3;

/** `attnc verify`: generated kernels against dense reference attention. */
export async function verify(files: readonly string[], flags: VerifyFlags): Promise<ExitCode> {
  checkKernel(flags);
  const { operators: chosen, branched, notes } = findOperators(files, flags);
  const progress = new Progress();
  progress.update("opening the device");
  const executor = await openExecutor(flags.device, { tuned: flags.tuned, kernel: flags.kernel, order: flags.order });
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
    if (!program) programs.set(file, (program = oracleOf(file)));
    const cases: CaseResult[] = [];
    let error: Diagnostic | undefined;
    try {
      const kernel = await load(index)!;
      if (kernel.tuned) {
        progress.clear();
        say(tunedNote(module.name, kernel.variant));
      }
      await verifyKernel(operator, program, kernel, { ...flags, onDevice: executor.onDevice }, (result, total) => {
        cases.push(result);
        progress.update(`${counter}: case ${cases.length} of ${total}`);
      });
      kernel.destroy();
    } catch (thrown) {
      // What the device refuses of one operator says nothing of the others.
      error = thrown instanceof Stop ? thrown.diagnostics[0] : runtimeDiagnostic(thrown);
      if (!error) throw thrown;
    }
    const result = { file, name: module.name, ok: !error && cases.every((c) => c.ok), cases, error };
    results.push(result);
    progress.clear();
    if (text) print(verifyText(result));
  }
  for (const one of branched) {
    const { name } = one.mask;
    const cases: CaseResult[] = [];
    const error = await diagnosed(() =>
      verifyMix(one, executor, flags, (result, total) => {
        cases.push(result);
        progress.update(`${name}: case ${cases.length} of ${total}`);
      }),
    );
    const result = { file: one.file, name, ok: !error && cases.every((c) => c.ok), cases, error };
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

/** What a device or a file refuses, as a diagnostic. */
async function diagnosed(action: () => Promise<void>): Promise<Diagnostic | undefined> {
  try {
    await action();
    return undefined;
  } catch (thrown) {
    const found = thrown instanceof Stop ? thrown.diagnostics[0] : runtimeDiagnostic(thrown);
    if (!found) throw thrown;
    return found;
  }
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
