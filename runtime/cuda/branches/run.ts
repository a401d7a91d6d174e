import { branchedBytes, selectedOf, uploadsOf } from "../../launch/branches/arrays.js";
import { checkBranchedNames, floatTensors } from "../../launch/branches/inputs.js";
import type { BranchedArrays, BranchedOutput } from "../../launch/branches/run.js";
import { resolveCall, type AttentionCall } from "../../launch/call.js";
import { DTYPE_BYTES, fromDeviceElements } from "../../launch/host-tensors.js";
import { allocations } from "../memory.js";
import type { CudaTensors } from "../operator.js";
import { readSelected, selectedTargets, uploadInputs } from "../run.js";
import type { CudaBranchedAttention } from "./operator.js";

/** See `CudaBranchedAttention.run`. */
export function runBranchedOnCuda(operator: CudaBranchedAttention, arrays: BranchedArrays, call: AttentionCall): BranchedOutput {
  const { device, module, dtype } = operator;
  const resolved = resolveCall(module.call, operator.shape, call);
  const { batch, heads, nq, valueDim } = resolved;
  const floats = floatTensors(module, resolved);
  checkBranchedNames(module, floats, arrays);
  const data = branchedBytes(module, dtype, resolved, arrays);
  const rows = batch * heads * nq;
  const outBytes = rows * valueDim * DTYPE_BYTES[dtype];
  const memory = allocations(device);
  try {
    const uploaded = uploadsOf(module, floats, arrays, resolved).map((each) => uploadInputs(each.module, each.arrays, each.call, memory));
    const wanted = arrays.selected === true ? selectedOf(module, resolved) : [];
    const selected = selectedTargets(wanted, memory);
    const pointers = new Map(Object.entries(data).map(([name, bytes]) => [name, bytes.byteLength === 0 ? 0n : memory.upload(bytes)]));
    const own = floats.map(({ name, shape }) => [name, { pointer: pointers.get(name)!, shape }] as const);
    const inputs = Object.assign({}, ...uploaded.map((each) => each.inputs), Object.fromEntries(own)) as CudaTensors["inputs"];
    const reuse = Object.assign({}, ...uploaded.map((each) => each.reuse)) as CudaTensors["reuse"];
    const [q, k, v] = [pointers.get("q")!, pointers.get("k")!, pointers.get("v")!];
    const results = { out: memory.allocate(outBytes), lse: module.mix.lse ? memory.allocate(rows * 4) : undefined };
    operator.launch({ q, k, v, ...results, inputs, selected, reuse }, call);
    const out = new ArrayBuffer(outBytes);
    device.download(new Uint8Array(out), results.out);
    const lse = new Float32Array(results.lse === undefined ? 0 : rows);
    if (results.lse !== undefined) device.download(lse, results.lse);
    return {
      out: fromDeviceElements(dtype, out, rows * valueDim),
      ...(results.lse === undefined ? {} : { lse }),
      ...(arrays.selected === true ? { selected: readSelected(device, wanted, selected) } : {}),
    };
  } finally {
    memory.free();
  }
}
