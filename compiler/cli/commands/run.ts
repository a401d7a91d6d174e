import { writeNpy } from "../../../runtime/tensor/npy.js";
import { wholeModule } from "../../mask/branched.js";
import type { BranchedResult } from "../branched-executor.js";
import { expectLengths, readQueriesAndKeys, readValues } from "../call-tensors.js";
import { openExecutor, tunedNote } from "../executor.js";
import type { ExecutorResult } from "../executor.js";
import { badOption, checkKernel } from "../flags.js";
import type { DeviceChoice, LengthFlags, ShapeFlags } from "../flags.js";
import { readInputs } from "../inputs.js";
import { say } from "../io.js";
import { envOf } from "../lengths.js";
import { branchedAttention, oneOperator } from "../operators.js";
import { Progress } from "../progress.js";
import { requireCall, requireLse } from "../required.js";
import { readSelections, selectedFiles, selectedPaths, selectionShapes } from "../selections.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { writeFiles } from "../write-files.js";
import { runBranched } from "./run-branched.js";

export interface RunFlags extends ShapeFlags, LengthFlags {
  readonly q: string;
  readonly k: string;
  readonly v: string;
  readonly out: string;
  readonly lse?: string;
  readonly scale?: number;
  readonly input?: readonly string[];
  readonly selected?: readonly string[];
  readonly reuse?: readonly string[];
  readonly device: DeviceChoice;
  readonly tuned: boolean;
  readonly kernel?: string;
}

/** `attnc run`: the generated kernel on tensors from files; their shapes say heads, lengths and dims. */
export async function run(argument: string, flags: RunFlags): Promise<ExitCode> {
  checkKernel(flags);
  if (flags.lse === flags.out) badOption("--lse", flags.out, "another file than --out");
  const given = readQueriesAndKeys(flags);
  const v = readValues(flags, given);
  const { q, k, batch, heads, kvHeads, queries, keys, headDim } = given;
  const valueDim = v.shape[3];

  const shape = { ...flags, heads, kvHeads, headDim, valueDim };
  const branched = branchedAttention(argument, shape)?.mask;
  const module = branched === undefined ? oneOperator(argument, shape) : wholeModule(branched);
  if (module.windows !== undefined) badOption("the argument", argument, "the whole attention: the keys of this branch are windows");
  if (branched !== undefined && flags.lse !== undefined) requireLse(branched);
  expectLengths(module, q.shape, k.shape);
  const env = envOf(module, { ...flags, seq: keys, qSeq: queries });
  requireCall(module, env);
  const { values } = branched === undefined ? readInputs(module, env, flags.input, batch) : { values: {} };
  const shapes = selectionShapes(module, env, batch);
  const reuse = readSelections("--reuse", flags.reuse, shapes);
  const wanted = selectedPaths(flags.selected, shapes);

  const progress = new Progress();
  progress.update("opening the device");
  const executor = await openExecutor(flags.device, { tuned: flags.tuned, kernel: flags.kernel });
  progress.update(`${module.name}: compiling for ${executor.description}`);
  const operator = branched === undefined ? await executor.load(module) : undefined;
  progress.update(`${module.name}: running on ${executor.description}`);
  const outSize = batch * heads * queries * valueDim;
  const tensors = { q: q.data, k: k.data, v: v.data, out: new Float32Array(outSize), lse: new Float32Array(batch * heads * queries) };
  const { layer, layers, step, steps } = env;
  const { phase, scale } = flags;
  const lengths = { batch, heads, kvHeads, queries, keys };
  const call = { ...lengths, params: env.params ?? {}, layer, layers, step, steps, phase, scale, inputs: values, reuse };
  const result: Partial<ExecutorResult> & BranchedResult =
    operator !== undefined
      ? await operator.run(tensors, call)
      : await runBranched(executor, branched!, { q, k, v }, env, call, { input: flags.input, tuned: flags.tuned });
  progress.done();
  const files = new Map<string, Uint8Array>();
  const dtype = module.shape.dtype;
  // The format knows no bf16: f32 holds its numbers as they are.
  files.set(flags.out, writeNpy({ dtype: dtype === "f16" ? "f16" : "f32", shape: [batch, heads, queries, valueDim], data: result.out }));
  if (flags.lse !== undefined) files.set(flags.lse, writeNpy({ dtype: "f32", shape: [batch, heads, queries], data: result.lse! }));
  const chosen = selectedFiles(module, { N: keys, NQ: queries }, wanted, result.selected ?? {});
  writeFiles(new Map([...files, ...chosen]));
  if (operator?.tuned) say(tunedNote(module.name, operator.variant));
  say(`ran ${module.name} on ${executor.description}`);
  say(`wrote ${[...files.keys()].join(" and ")}: [${[batch, heads, queries, valueDim].join(", ")}], ${dtype}`);
  if (chosen.size > 0) say(`wrote what was selected to ${[...chosen.keys()].join(" and ")}`);
  return EXIT.ok;
}
