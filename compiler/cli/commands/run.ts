import { writeNpy } from "../../../runtime/tensor/npy.js";
import type { MaskModule } from "../../mask/ir.js";
import { segmentsLength } from "../../mask/space.js";
import { openExecutor, tunedNote } from "../executor.js";
import { badOption, checkKernel } from "../flags.js";
import type { DeviceChoice, LengthFlags, ShapeFlags } from "../flags.js";
import { readInputs } from "../inputs.js";
import { say } from "../io.js";
import { envOf, fixedLength, runtimeParams } from "../lengths.js";
import { oneOperator } from "../operators.js";
import { Progress } from "../progress.js";
import { requireCall } from "../required.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { expectShape, readFloats } from "../tensors.js";
import { writeFiles } from "../write-files.js";

export interface RunFlags extends ShapeFlags, LengthFlags {
  readonly q: string;
  readonly k: string;
  readonly v: string;
  readonly out: string;
  readonly lse?: string;
  readonly scale?: number;
  readonly input?: readonly string[];
  readonly device: DeviceChoice;
  readonly tuned: boolean;
  readonly kernel?: string;
}

/** `attnc run`: the generated kernel on tensors from files; their shapes say heads, lengths and dims. */
export async function run(argument: string, flags: RunFlags): Promise<ExitCode> {
  checkKernel(flags);
  if (flags.lse === flags.out) badOption("--lse", flags.out, "another file than --out");
  const q = readFloats("--q", flags.q);
  const k = readFloats("--k", flags.k);
  const v = readFloats("--v", flags.v);
  const [batch, heads, queries, headDim] = q.shape;
  const [, kvHeads, keys] = k.shape;
  const valueDim = v.shape[3];
  const axes = ["batch", "kv heads", "length", "dim"];
  expectShape("--k", k.shape, [batch, null, null, headDim], axes, "keys have the batch and the dim of the queries");
  if (heads % kvHeads !== 0) expectShape("--k", k.shape, [batch, heads, null, headDim], axes, "the kv heads must divide the query heads");
  expectShape("--v", v.shape, [batch, kvHeads, keys, null], axes, "values have the batch, heads and length of the keys");
  agree(flags, q.shape, k.shape, valueDim);

  const module = oneOperator(argument, { ...flags, heads, kvHeads, headDim, valueDim });
  expectLengths(module, q.shape, k.shape);
  const env = envOf(module, { ...flags, seq: keys, qSeq: queries });
  requireCall(module, env);
  const { values } = readInputs(module, env, flags.input, batch);

  const progress = new Progress();
  progress.update("opening the device");
  const executor = await openExecutor(flags.device, { tuned: flags.tuned, kernel: flags.kernel });
  progress.update(`${module.name}: compiling for ${executor.description}`);
  const operator = await executor.load(module);
  progress.update(`${module.name}: running on ${executor.description}`);
  const outSize = batch * heads * queries * valueDim;
  const tensors = { q: q.data, k: k.data, v: v.data, out: new Float32Array(outSize), lse: new Float32Array(batch * heads * queries) };
  const { layer, layers, step, steps } = env;
  const { phase, scale } = flags;
  const call = { batch, heads, kvHeads, queries, keys, params: env.params ?? {}, layer, layers, step, steps, phase, scale, inputs: values };
  const result = await operator.run(tensors, call);
  progress.done();
  const files = new Map<string, Uint8Array>();
  const dtype = module.shape.dtype;
  // The format knows no bf16: f32 holds its numbers as they are.
  files.set(flags.out, writeNpy({ dtype: dtype === "f16" ? "f16" : "f32", shape: [batch, heads, queries, valueDim], data: result.out }));
  if (flags.lse !== undefined) files.set(flags.lse, writeNpy({ dtype: "f32", shape: [batch, heads, queries], data: result.lse }));
  writeFiles(files);
  if (operator.tuned) say(tunedNote(module.name, operator.variant));
  say(`ran ${module.name} on ${executor.description}`);
  say(`wrote ${[...files.keys()].join(" and ")}: [${[batch, heads, queries, valueDim].join(", ")}], ${dtype}`);
  return EXIT.ok;
}

type Shape = readonly [number, number, number, number];

/** Options that say what the tensors say too must say the same. */
function agree(flags: RunFlags, q: Shape, k: Shape, valueDim: number): void {
  const same = (option: string, given: number | undefined, found: number, tensor: string): void => {
    if (given !== undefined && given !== found) badOption(option, String(given), `${found}, as ${tensor} has it, or no ${option}`);
  };
  same("--batch", flags.batch, q[0], "--q");
  same("--heads", flags.heads, q[1], "--q");
  same("--q-seq", flags.qSeq, q[2], "--q");
  same("--head-dim", flags.headDim, q[3], "--q");
  same("--kv-heads", flags.kvHeads, k[1], "--k");
  same("--seq", flags.seq, k[2], "--k");
  same("--value-dim", flags.valueDim, valueDim, "--v");
}

/** The lengths of the tensors must suit the space of the operator. */
function expectLengths(module: MaskModule, q: Shape, k: Shape): void {
  const axes = ["batch", "heads", "length", "dim"];
  const expectKeys = (length: number, remedy: string): void => expectShape("--k", k, [k[0], k[1], length, k[3]], axes, remedy);
  const own = fixedLength(module, runtimeParams(module));
  const segments = segmentsLength(module.space);
  if (own !== undefined) expectKeys(own, `the space of ${module.name} has ${own} tokens`);
  else if (k[2] < segments) expectKeys(segments, `the segments of ${module.name} take at least ${segments} tokens`);
  if (module.space.kind === "self" && q[2] > k[2])
    expectShape("--q", q, [q[0], q[1], k[2], q[3]], axes, "a sequence has at most as many queries as keys: they stand at its end");
}
