import { oracleMask, readProgram } from "../../oracle/oracle.js";
import type { MaskPredicate, OracleProgram } from "../../oracle/oracle.js";
import type { MaskModule } from "../../mask/ir.js";
import { unvisitedKeys } from "../../tiles/plan.js";
import { parse } from "../../syntax/parser.js";
import { verifyOperator } from "../../../runtime/verify/operator.js";
import type { CaseResult, VerifyCall } from "../../../runtime/verify/operator.js";
import { maskEnvOf, openExecutor } from "../executor.js";
import type { DeviceChoice, Executor, LoadedOperator } from "../executor.js";
import { nodeHost } from "../host.js";
import { Progress, print, printJson, say } from "../io.js";
import { operators, settingsOf } from "../options.js";
import type { ShapeFlags } from "../options.js";
import { readSource } from "../sources.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { verifyCases } from "../verify-plan.js";

export interface VerifyFlags extends ShapeFlags {
  readonly seq?: readonly number[];
  readonly seeds: number;
  readonly quick?: boolean;
  readonly device: DeviceChoice;
  readonly format: "text" | "json";
}

export interface OperatorResult {
  readonly file: string;
  readonly name: string;
  readonly ok: boolean;
  readonly cases: readonly CaseResult[];
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
  const chosen = operators(files, flags);
  const executor = await openExecutor(flags.device);
  if (flags.format === "text") say(`verifying ${chosen.length} operator${chosen.length === 1 ? "" : "s"} on ${executor.description}`);
  const results: OperatorResult[] = [];
  const progress = new Progress();
  const programs = new Map<string, OracleProgram>();
  const loaded = new Map<number, Promise<LoadedOperator>>();
  const load = (index: number): Promise<LoadedOperator> | undefined => {
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

  for (const [index, { module, file }] of chosen.entries()) {
    for (let ahead = 1; ahead <= AHEAD; ahead++) void load(index + ahead);
    progress.update(`${index + 1}/${chosen.length} ${module.name}: compiling`);
    const operator = await load(index)!;
    let program = programs.get(file);
    if (!program) programs.set(file, (program = readProgram(readSource(file), (source) => parse(source).tree, nodeHost)));
    const cases = await verifyOne(module, program, operator, executor, flags, (done, total) =>
      progress.update(`${index + 1}/${chosen.length} ${module.name}: case ${done} of ${total}`),
    );
    operator.destroy();
    loaded.delete(index);
    const result = { file, name: module.name, ok: cases.every((c) => c.ok), cases };
    results.push(result);
    if (flags.format === "text") {
      progress.done();
      print(report(result));
    }
  }
  progress.done();
  if (flags.format === "json") printJson({ version: 1, device: executor.description, results });
  const failed = results.filter((r) => !r.ok).length;
  if (flags.format === "text")
    print(
      failed === 0
        ? `all ${results.length} verified${flags.quick ? " (quick: few cases)" : ""}`
        : `${failed} of ${results.length} differ from the reference`,
    );
  return failed === 0 ? EXIT.ok : EXIT.mismatch;
}

async function verifyOne(
  module: MaskModule,
  program: OracleProgram,
  operator: LoadedOperator,
  executor: Executor,
  flags: VerifyFlags,
  onCase: (done: number, total: number) => void,
): Promise<readonly CaseResult[]> {
  const settings = settingsOf(flags);
  // The interpreter is a hundred times slower than the slowest device.
  const pairs = executor.gpu ? DEVICE_PAIRS : DEVICE_PAIRS / 100;
  const planned = verifyCases(module, {
    lengths: flags.seq ?? (flags.quick ? QUICK_LENGTHS : DEFAULT_LENGTHS),
    seeds: flags.quick ? 1 : flags.seeds,
    batch: flags.batch,
    heads: flags.heads,
    kvHeads: flags.kvHeads,
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
  return verifyOperator(
    {
      headDim: module.shape.headDim,
      valueDim: module.shape.valueDim,
      dtype: module.shape.dtype,
      space: module.space.kind,
      inputs: module.inputs,
      mask: maskOf,
      unused: (call) => {
        // By the plan, not by the mask: where the analysis is not exact, a tile without a pair may be loaded.
        const unvisited = unvisitedKeys(module, maskEnvOf(module, { ...call, ...call.launch }), call.batch, operator.tiles);
        return (b, g, k) => unvisited[(b * call.kvHeads + g) * call.keys + k] === 1;
      },
      run: (tensors, call) => operator.run(tensors, { ...call, ...call.launch }),
    },
    cases.map((one) => ({ ...one, headDim: module.shape.headDim, valueDim: module.shape.valueDim, firstPosition: 0, inputs: {} })),
    { onCase: (_, index) => onCase(index + 1, cases.length) },
  );
}

/** One line for an operator, and one more for its worst case where it fails. */
function report(result: OperatorResult): string {
  const worst = result.cases.reduce((a, b) => (b.maxAbs / b.tolerance > a.maxAbs / a.tolerance ? b : a));
  const line = `${result.ok ? "ok  " : "FAIL"} ${result.name.padEnd(28)} ${String(result.cases.length).padStart(3)} cases  max error ${worst.maxAbs.toExponential(1)} of ${worst.tolerance.toExponential(1)} allowed`;
  const failed = result.cases.filter((c) => !c.ok);
  return [line, ...failed.slice(0, 3).map(failure)].join("\n");
}

function failure(one: CaseResult): string {
  const where = `     ${one.name}, ${one.queries} queries, ${one.seq} keys, ${one.heads}/${one.kvHeads} heads, batch ${one.batch}`;
  const problem = one.problem === undefined ? "" : `: ${one.problem}`;
  if (!one.worst) return where + problem;
  const { tensor, batch, head, query, dim, expected, got } = one.worst;
  const place = `${tensor}[batch ${batch}, head ${head}, query ${query}${dim === undefined ? "" : `, dim ${dim}`}]`;
  return `${where}${problem}\n     worst element ${place}: expected ${expected}, got ${got}`;
}
