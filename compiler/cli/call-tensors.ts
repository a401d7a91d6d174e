import type { MaskModule } from "../mask/ir.js";
import { segmentsLength } from "../mask/space.js";
import { badOption } from "./flags.js";
import type { LengthFlags, ShapeFlags } from "./flags.js";
import { fixedLength, runtimeParams } from "./lengths.js";
import { expectShape, readFloats } from "./tensors.js";
import type { FloatTensor } from "./tensors.js";

type Shape = FloatTensor["shape"];

/** Queries and keys from files, and what their shapes say of a call. */
export interface QueriesAndKeys {
  readonly q: FloatTensor;
  readonly k: FloatTensor;
  readonly batch: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly queries: number;
  readonly keys: number;
  readonly headDim: number;
}

/** Reads `--q` and `--k`; they must go together, and say what the options say. */
export function readQueriesAndKeys(flags: ShapeFlags & LengthFlags & { readonly q: string; readonly k: string }): QueriesAndKeys {
  const q = readFloats("--q", flags.q);
  const k = readFloats("--k", flags.k);
  const [batch, heads, queries, headDim] = q.shape;
  const [, kvHeads, keys] = k.shape;
  const axes = ["batch", "kv heads", "length", "dim"];
  expectShape("--k", k.shape, [batch, null, null, headDim], axes, "keys have the batch and the dim of the queries");
  if (heads % kvHeads !== 0) expectShape("--k", k.shape, [batch, heads, null, headDim], axes, "the kv heads must divide the query heads");
  const same = agreement("--q");
  same("--batch", flags.batch, batch);
  same("--heads", flags.heads, heads);
  same("--q-seq", flags.qSeq, queries);
  same("--head-dim", flags.headDim, headDim);
  const sameKeys = agreement("--k");
  sameKeys("--kv-heads", flags.kvHeads, kvHeads);
  sameKeys("--seq", flags.seq, keys);
  return { q, k, batch, heads, kvHeads, queries, keys, headDim };
}

/** Reads `--v` for keys that are known. */
export function readValues(flags: ShapeFlags & { readonly v: string }, { batch, kvHeads, keys }: QueriesAndKeys): FloatTensor {
  const v = readFloats("--v", flags.v);
  const axes = ["batch", "kv heads", "length", "dim"];
  expectShape("--v", v.shape, [batch, kvHeads, keys, null], axes, "values have the batch, heads and length of the keys");
  agreement("--v")("--value-dim", flags.valueDim, v.shape[3]);
  return v;
}

/** Options that say what a tensor says too must say the same. */
function agreement(tensor: string) {
  return (option: string, given: number | undefined, found: number): void => {
    if (given !== undefined && given !== found) badOption(option, String(given), `${found}, as ${tensor} has it, or no ${option}`);
  };
}

/** The lengths of the tensors must suit the space of the operator. */
export function expectLengths(module: MaskModule, q: Shape, k: Shape): void {
  const axes = ["batch", "heads", "length", "dim"];
  const expectKeys = (length: number, remedy: string): void => expectShape("--k", k, [k[0], k[1], length, k[3]], axes, remedy);
  const own = fixedLength(module, runtimeParams(module));
  const segments = segmentsLength(module.space);
  if (own !== undefined) expectKeys(own, `the space of ${module.name} has ${own} tokens`);
  else if (k[2] < segments) expectKeys(segments, `the segments of ${module.name} take at least ${segments} tokens`);
  if (module.space.kind === "self" && q[2] > k[2])
    expectShape("--q", q, [q[0], q[1], k[2], q[3]], axes, "a sequence has at most as many queries as keys: they stand at its end");
}
