import { writeNpy } from "../../../runtime/tensor/npy.js";
import { openExecutor } from "../executor.js";
import type { DeviceChoice } from "../executor.js";
import { readInputs } from "../inputs.js";
import { say, writeFiles } from "../io.js";
import { badOption, envOf, oneOperator } from "../options.js";
import type { LengthFlags, ShapeFlags } from "../options.js";
import { requireCall } from "../required.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { expectShape, readFloats } from "../tensors.js";

export interface RunFlags extends ShapeFlags, LengthFlags {
  readonly q: string;
  readonly k: string;
  readonly v: string;
  readonly out: string;
  readonly lse?: string;
  readonly scale?: number;
  readonly input?: readonly string[];
  readonly device: DeviceChoice;
}

/** `attnc run`: the generated kernel on tensors from files; their shapes say heads, lengths and dims. */
export async function run(argument: string, flags: RunFlags): Promise<ExitCode> {
  if (flags.scale !== undefined && !Number.isFinite(flags.scale)) badOption("--scale", String(flags.scale), "a finite number");
  const q = readFloats("--q", flags.q);
  const k = readFloats("--k", flags.k);
  const v = readFloats("--v", flags.v);
  const [batch, heads, queries, headDim] = q.shape;
  const [, kvHeads, keys] = k.shape;
  const axes = ["batch", "kv heads", "length", "dim"];
  expectShape("--k", k.shape, [batch, null, null, headDim], axes, "keys have the batch and the dim of the queries");
  expectShape("--v", v.shape, [batch, kvHeads, keys, null], axes, "values have the batch, heads and length of the keys");
  if (heads % kvHeads !== 0) {
    expectShape("--k", k.shape, [batch, heads, null, headDim], axes, "the kv heads must divide the query heads");
  }
  const { module } = oneOperator(argument, { ...flags, heads, kvHeads, headDim, valueDim: v.shape[3] });
  const env = envOf(module, { ...flags, seq: flags.seq ?? keys, qSeq: flags.qSeq ?? queries });
  if (env.N !== keys) expectShape("--k", k.shape, [batch, kvHeads, env.N, headDim], axes, `${module.name} runs over ${env.N} tokens`);
  if (env.NQ !== queries) expectShape("--q", q.shape, [batch, heads, env.NQ, headDim], ["batch", "heads", "length", "dim"], "see --q-seq");
  requireCall(module, env);
  const { values } = readInputs(module, env, flags.input);

  const executor = await openExecutor(flags.device);
  say(`running ${module.name} on ${executor.description}`);
  const operator = await executor.load(module);
  const valueDim = v.shape[3];
  const outSize = batch * heads * queries * valueDim;
  const tensors = { q: q.data, k: k.data, v: v.data, out: new Float32Array(outSize), lse: new Float32Array(batch * heads * queries) };
  const { layer, layers, step, steps, phase, scale } = flags;
  const call = { batch, heads, kvHeads, queries, keys, params: env.params ?? {}, layer, layers, step, steps, phase, scale, inputs: values };
  const result = await operator.run(tensors, call);
  const files = new Map<string, Uint8Array>();
  const dtype = module.shape.dtype;
  files.set(flags.out, writeNpy({ dtype, shape: [batch, heads, queries, valueDim], data: result.out }));
  if (flags.lse !== undefined) files.set(flags.lse, writeNpy({ dtype: "f32", shape: [batch, heads, queries], data: result.lse }));
  writeFiles(files);
  say(`wrote ${[...files.keys()].join(" and ")}: [${[batch, heads, queries, valueDim].join(", ")}], ${dtype}`);
  return EXIT.ok;
}
