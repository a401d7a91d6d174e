import { toLaunchInput, toMaskInput } from "../../compiler/cli/input-forms.js";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { interpret } from "../../compiler/program/interpret.js";
import type { TileProgram } from "../../compiler/program/ir.js";
import { selectionSpec } from "../../compiler/targets/selection-spec.js";
import { wgslSelection } from "../../compiler/targets/wgsl/select.js";
import { givenBlocks, packed } from "../mask/given-blocks.js";
import type { PairOrder } from "../../runtime/launch/key-order/plan.js";
import { attentionModule } from "../../compiler/targets/manifest.js";
import { wgslVariants } from "../../compiler/targets/wgsl/operator.js";
import { uniformFields } from "../../compiler/targets/print/uniforms.js";
import { unvisitedKeys } from "../../compiler/tiles/visit.js";
import { createAttention } from "../../runtime/launch/operator.js";
import type { AttentionOperator } from "../../runtime/launch/operator.js";
import type { KernelVariant } from "../../runtime/launch/module.js";
import { halves } from "../../runtime/reference/half.js";
import type { MaskPredicate } from "../../runtime/reference/problem.js";
import type { VerifyCase } from "../../runtime/verify/cases.js";
import { runWithTails } from "../../runtime/verify/gpu.js";
import { verifyCase } from "../../runtime/verify/operator.js";
import type { Operator, VerifyCall } from "../../runtime/verify/operator.js";

/** One printed kernel, or the interpreter, and the cases it is put to. */
export interface KernelTask {
  readonly module: MaskModule;
  /** The kernel by its name; of the module's own dims. */
  readonly variant: string;
  /** Rows are computed in parts of at least so many tiles, if there are fewer query tiles than `busy`. */
  readonly split?: { readonly busy: number; readonly leastShare: number };
  /** In which order the pairs of chosen blocks are computed; `mustTurn` where there is room for all parts of key order. */
  readonly order?: PairOrder;
  readonly mustTurn?: boolean;
  readonly cases: readonly VerifyCase[];
  /** Changes to the kernel's text; each must find something to replace. */
  readonly edits?: readonly { readonly find: string; readonly replace: string }[] | undefined;
  /** The edits leave no need of subgroups and of their matrix units: devices without them run the kernel. */
  readonly withoutUnits?: boolean | undefined;
  /** Leave the other cases as soon as one fails. */
  readonly stopAtFailure?: boolean | undefined;
  /** Put the interpreter of the kernel's own tile program to the same cases. */
  readonly interpreter?: boolean | undefined;
}

/** The cases that failed, each with what is wrong; empty where the kernel is right. */
export type KernelAnswer = readonly string[];

/**
 * Runs printed kernels on a device, against dense attention in float64 under the mask's own evaluation,
 * within the verifier's tolerances. Data only come and go, so that it runs in another process too.
 */
export async function job(device: GPUDevice, tasks: readonly KernelTask[]): Promise<KernelAnswer[]> {
  // Slow compilers work on the next kernels while the present one is checked.
  const compiling: (() => Promise<Runner>)[] = tasks.map((task) => once(() => prepare(device, task)));
  const answers: KernelAnswer[] = [];
  for (const [i, task] of tasks.entries()) {
    for (const ahead of compiling.slice(i + 1, i + 3)) ahead().catch(() => undefined);
    answers.push(await check(task, await compiling[i]!()));
  }
  return answers;
}

interface Runner {
  readonly program: TileProgram;
  readonly run: Operator["run"];
  destroy(): void;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

async function check(task: KernelTask, kernel: Runner): Promise<KernelAnswer> {
  const failures: string[] = [];
  const { module } = task;
  const runs: [string, Operator["run"]][] = [["", kernel.run]];
  if (task.interpreter) runs.push(["interpreter, ", (tensors, call) => Promise.resolve(interpreted(kernel.program, tensors, call))]);
  for (const one of task.cases) {
    for (const [name, run] of runs) {
      const result = await verifyCase(operatorOf(module, kernel.program, run), one);
      if (result.ok) continue;
      const { worst, problem } = result;
      failures.push(`${name}${JSON.stringify(one)}: ${problem ?? ""} ${JSON.stringify(worst)}`);
    }
    if (task.stopAtFailure && failures.length > 0) break;
  }
  kernel.destroy();
  return failures;
}

/** An operator whose truth is the mask IR's evaluation, pair by pair. */
export function operatorOf(module: MaskModule, tiles: { readonly tileQ: number; readonly tileK: number }, run: Operator["run"]): Operator {
  return {
    ...module.shape,
    space: module.space.kind,
    inputs: module.inputs,
    mask: (call) => tabulated(module, call),
    unused: (call) => {
      const unvisited = unvisitedKeys(module, envOf(module, call), call.batch, tiles);
      return (b, g, k) => unvisited[(b * call.kvHeads + g) * call.keys + k] === 1;
    },
    run,
  };
}

/** The mask of a call as a table: each pair is asked for several times. */
function tabulated(module: MaskModule, call: VerifyCall): MaskPredicate {
  const { heads, queries, keys, firstPosition } = call;
  const env = envOf(module, call);
  const tables: Uint8Array[] = [];
  const table = (b: number, h: number): Uint8Array => {
    const looks = headEvaluator(module, env, b, h);
    return Uint8Array.from({ length: queries * keys }, (_, i) => (looks(firstPosition + Math.floor(i / keys), i % keys) ? 1 : 0));
  };
  return (b, h, q, k) => (tables[b * heads + h] ??= table(b, h))[(q - firstPosition) * keys + k] === 1;
}

export function envOf(module: MaskModule, call: VerifyCall): MaskEnv {
  const lengths = { N: call.keys, NQ: call.queries, space: module.space.kind };
  const { heads, kvHeads, params, launch } = call;
  const given = Object.fromEntries(module.inputs.map((spec) => [spec.name, toMaskInput(spec, call.inputs[spec.name]!, lengths)]));
  const inputs = { ...given, ...givenBlocks(module, call) };
  const phase = launch.phase === undefined ? undefined : module.phases.indexOf(launch.phase);
  return { N: call.keys, NQ: call.queries, heads, kvHeads, params, ...launch, phase, inputs };
}

/** What the interpreter of a tile program makes of a call. */
export function interpreted(program: TileProgram, tensors: Parameters<Operator["run"]>[0], call: VerifyCall) {
  const { headDim, valueDim, batch } = call;
  const { out, lse } = interpret(program, tensors, { env: envOf(program.module, call), batch, headDim, valueDim });
  return { out: program.module.shape.dtype === "f16" ? halves(out) : out, lse };
}

async function prepare(device: GPUDevice, task: KernelTask): Promise<Runner> {
  const { module } = task;
  const { headDim, valueDim } = module.shape;
  const every = { profiles: ["gpu", "software", "simd"], all: true } as const;
  const compiled = wgslVariants(module, [module.shape], every).find(({ variant }) => variant.name === task.variant);
  if (!compiled) throw new Error(`no kernel ${task.variant}`);
  const variant = editedVariant(compiled.variant, task);
  const selection = wgslSelection(module);
  const selecting = selection === undefined ? {} : { selection: selectionSpec(module, selection) };
  const launch = attentionModule(module, { uniforms: uniformFields(module), variants: [variant], ...selecting });
  const { heads, kvHeads } = module.shape;
  const operators = new Map<string, Promise<AttentionOperator>>();
  const withHeads = (h: number, kvh: number): Promise<AttentionOperator> => {
    const key = `${h}/${kvh}`;
    let operator = operators.get(key);
    if (!operator)
      operators.set(
        key,
        (operator = createAttention(
          device,
          launch,
          { heads: h, kvHeads: kvh, headDim, valueDim },
          { split: task.split ?? false, order: task.order },
        )),
      );
    return operator;
  };
  // Compiled before the first case, while others run.
  await withHeads(heads, kvHeads);
  return {
    program: compiled.program,
    async run(tensors, call) {
      const operator = await withHeads(call.heads, call.kvHeads);
      const inputs = Object.fromEntries(Object.entries(call.inputs).map(([name, value]) => [name, toLaunchInput(value)]));
      const { batch, queries, keys, params } = call;
      const launchCall = { batch, queryLength: queries, keyLength: keys, params, ...call.launch };
      const blocks = Object.entries(givenBlocks(module, call)).map(([name, bits]) => [name, packed(bits)] as const);
      const reuse = blocks.length === 0 ? undefined : Object.fromEntries(blocks);
      const result = await runWithTails(operator, tensors, inputs, launchCall, reuse);
      if (task.mustTurn === true && (await operator.lastOrder()) !== "keys") throw new Error("queries went first");
      return result;
    },
    destroy() {
      for (const operator of operators.values()) void operator.then((each) => each.destroy());
    },
  };
}

function editedVariant(variant: KernelVariant, { edits = [], withoutUnits = false }: KernelTask): KernelVariant {
  const wgsl = edited(variant.wgsl, edits);
  if (!withoutUnits) return { ...variant, wgsl };
  const features = variant.features.filter((feature) => feature === "shader-f16");
  const split = variant.split && { ...variant.split, parts: edited(variant.split.parts, edits) };
  return { ...variant, wgsl, split, features, matrices: undefined };
}

/** A text after edits, every place that fits at once; throws where one finds nothing or changes nothing. */
export function edited(text: string, edits: NonNullable<KernelTask["edits"]>): string {
  return edits.reduce((before, { find, replace }) => {
    const after = before.replace(new RegExp(find, "gm"), replace);
    if (after === before) throw new Error(`nothing to replace: ${find}`);
    return after;
  }, text);
}
