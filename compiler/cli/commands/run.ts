import { writeNpy } from "../../../runtime/tensor/npy.js";
import { openExecutor } from "../executor.js";
import { badOption } from "../flags.js";
import type { DeviceChoice, LengthFlags, ShapeFlags } from "../flags.js";
import { readInputs } from "../inputs.js";
import { say } from "../io.js";
import { envOf } from "../lengths.js";
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
}

/** `attnc run`: the generated kernel on tensors from files; their shapes say heads, lengths and dims. */
export async function run(argument: string, flags: RunFlags): Promise<ExitCode> {
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
  agree(flags, { heads, kvHeads, headDim, valueDim, batch, seq: keys, qSeq: queries });

  const module = oneOperator(argument, { ...flags, heads, kvHeads, headDim, valueDim });
  const env = envOf(module, { ...flags, seq: undefined, qSeq: undefined, ...lengths(module.space.axes.length > 0, keys, queries) });
