import { resolveCall, type AttentionCall } from "../call.js";
import { USAGE_COPY_SRC, USAGE_STORAGE } from "../gpu-flags.js";
import { DTYPE_BYTES, fromDeviceElements } from "../host-tensors.js";
import { readSelected, selectedByName, selectedTargets, uploadInputs, type AttentionArrays } from "../run.js";
import { runStaged } from "../run-buffers.js";
import type { SelectedBits } from "../selection/lists.js";
import { branchedBytes, selectedOf, uploadsOf } from "./arrays.js";
import { checkBranchedNames, floatTensors } from "./inputs.js";
import type { BranchedBuffers, BranchedOperator } from "./operator.js";

/** As for one attention, with gates as Float32Array and pooled tensors as q, k and v are. */
export type BranchedArrays = AttentionArrays;

/** out [batch, heads, NQ, valueDim]; lse [batch, heads, NQ], where the output has one. */
export interface BranchedOutput {
  readonly out: Float32Array;
  readonly lse?: Float32Array | undefined;
  /** What the selections of the branches chose, by their names, where it was asked for. */
  readonly selected?: Readonly<Record<string, SelectedBits>> | undefined;
}

type Runnable = Pick<BranchedOperator, "device" | "module" | "shape" | "checkUsable" | "encode">;

/** See `BranchedOperator.run`. */
export async function runBranched(operator: Runnable, arrays: BranchedArrays, call: AttentionCall): Promise<BranchedOutput> {
  operator.checkUsable();
  const { module } = operator;
  const { dtype } = module.call;
  const resolved = resolveCall(module.call, operator.shape, call);
  const { batch, heads, nq, valueDim } = resolved;
  const floats = floatTensors(module, resolved);
  checkBranchedNames(module, floats, arrays);
  const data = branchedBytes(module, dtype, resolved, arrays);
  const rows = batch * heads * nq;
  const outBytes = Math.ceil((rows * valueDim * DTYPE_BYTES[dtype]) / 4) * 4;
  const lseBytes = module.mix.lse ? rows * 4 : 0;

  const wanted = arrays.selected === true ? selectedOf(module, resolved) : [];
  const result = await runStaged(operator, (buffers) => {
    const inputs = joined(
      uploadsOf(module, floats, arrays, resolved).map((each) => uploadInputs(each.module, each.arrays, each.call, buffers)),
    );
    const tensors = Object.fromEntries(Object.entries(data).map(([name, bytes]) => [name, buffers.upload(name, bytes)]));
    const out = buffers.create("out", outBytes, USAGE_STORAGE | USAGE_COPY_SRC);
    const lse = lseBytes === 0 ? undefined : buffers.create("lse", lseBytes, USAGE_STORAGE | USAGE_COPY_SRC);
    const bits = selectedTargets(wanted, buffers);
    const selected = wanted.length === 0 ? undefined : selectedByName(wanted, bits);
    const given = { ...inputs, ...tensors, out, lse, selected } as unknown as BranchedBuffers;
    return {
      parts: [out, ...(lse === undefined ? [] : [lse]), ...bits],
      encode: (encoder) => operator.encode(encoder, given, call),
    };
  });
  return {
    out: fromDeviceElements(dtype, result, rows * valueDim),
    ...(lseBytes === 0 ? {} : { lse: new Float32Array(result, outBytes, rows) }),
    ...(arrays.selected === true ? { selected: readSelected(wanted, result, outBytes + lseBytes) } : {}),
  };
}

/** What is uploaded for several modules; selections given back are joined by their names. */
function joined(all: readonly Record<string, unknown>[]): Record<string, unknown> {
  const reuse = Object.assign({}, ...all.map((each) => each["reuse"] ?? {})) as object;
  return { ...(Object.assign({}, ...all) as object), ...(Object.keys(reuse).length === 0 ? {} : { reuse }) };
}
