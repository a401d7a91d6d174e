import { resolveCall, type AttentionCall, type ResolvedCall } from "../call.js";
import { AttnError } from "../errors.js";
import { USAGE_COPY_SRC, USAGE_STORAGE } from "../gpu-flags.js";
import { DTYPE_BYTES, fromDeviceElements, tensorBytes } from "../host-tensors.js";
import { readSelected, selectedByName, selectedTargets, uploadInputs, type AttentionArrays } from "../run.js";
import { runStaged } from "../run-buffers.js";
import { selectedShapes } from "../selection/arrays.js";
import type { SelectedBits } from "../selection/lists.js";
import type { MatrixLayout } from "../selection/matrices.js";
import type { BranchedModule } from "./module.js";
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
  const { batch, heads, kvHeads, n, nq, headDim, valueDim } = resolved;
  const floats = floatTensors(module, resolved);
  checkBranchedNames(module, floats, arrays);
  const data: Record<string, ArrayBufferView<ArrayBuffer>> = {
    q: tensorBytes(dtype, "q", arrays.q, [batch, heads, nq, headDim]),
    k: tensorBytes(dtype, "k", arrays.k, [batch, kvHeads, n, headDim]),
    v: tensorBytes(dtype, "v", arrays.v, [batch, kvHeads, n, valueDim]),
  };
  for (const { name, shape, own } of floats) data[name] = tensorBytes(own ? dtype : "f32", name, arrays[name], shape);
  for (const { name } of module.gates) checkFinite(name, data[name]!);
  const rows = batch * heads * nq;
  const outBytes = Math.ceil((rows * valueDim * DTYPE_BYTES[dtype]) / 4) * 4;
  const lseBytes = module.mix.lse ? rows * 4 : 0;

  const wanted = arrays.selected === true ? selectedOf(module, resolved) : [];
  const result = await runStaged(operator, (buffers) => {
    // A selection that several branches make is the same in all.
    const uploaded = [module.call, ...module.branches.map((branch) => branch.module).filter(({ selection }) => selection !== undefined)];
    const inputs = joined(uploaded.map((each) => uploadInputs(each, arrays, resolved, buffers)));
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

/** The shapes of all selections, each name once. */
function selectedOf({ branches }: BranchedModule, call: ResolvedCall): readonly MatrixLayout[] {
  const shapes = branches.flatMap(({ module }) => (module.selection === undefined ? [] : selectedShapes(module, call)));
  return shapes.filter(({ spec }, i) => shapes.findIndex((other) => other.spec.name === spec.name) === i);
}

/** Throws ATTN5207 for a gate that is NaN or infinite: it would make whole rows so. */
function checkFinite(name: string, data: ArrayBufferView<ArrayBuffer>): void {
  const values = data as Float32Array;
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  throw new AttnError("ATTN5207", {
    field: `${name}[${at}]`,
    expected: "a finite number",
    found: String(values[at]),
    remedy: "Pass gates that are numbers.",
  });
}
