import { DTYPE_BYTES, fromDeviceElements, toDeviceElements } from "../../runtime/launch/host-tensors.js";
import { createAttention } from "../../runtime/launch/operator.js";
import { readSelected, selectedByName, selectedTargets } from "../../runtime/launch/run.js";
import { readBack, RunBuffers } from "../../runtime/launch/run-buffers.js";
import { resolveCall } from "../../runtime/launch/call.js";
import { selectedShapes } from "../../runtime/launch/selection/arrays.js";
import type { OpenedDevice } from "../../runtime/device/open.js";
import type { DeviceKernel } from "./executor.js";
import { bitsValue } from "./selections.js";
import { timedCall } from "./timed.js";
import type { Timed, TimedProblem } from "./timed.js";

/** An operator on a WebGPU device, timed from submission to completion. */
export async function timedOnWebGpu({ device, profile }: OpenedDevice, kernel: DeviceKernel, problem: TimedProblem): Promise<Timed> {
  const { module, env, batch } = problem;
  const { heads, kvHeads, headDim, valueDim, dtype } = module.shape;
  const operator = await createAttention(
    device,
    kernel.compiled,
    { heads, kvHeads, headDim, valueDim },
    { profile, variant: kernel.variant, order: problem.order },
  );
  const { STORAGE, COPY_SRC } = GPUBufferUsage;
  const own = new RunBuffers(device);
  const upload = (name: string, values: Float32Array<ArrayBuffer>): GPUBuffer =>
    own.upload(name, toDeviceElements(dtype, values) as ArrayBufferView<ArrayBuffer>);
  const elements = batch * heads * env.NQ * valueDim;
  const out = own.create("out", elements * DTYPE_BYTES[dtype], STORAGE | COPY_SRC);
  const [q, k, v] = [upload("q", problem.q), upload("k", problem.k), upload("v", problem.v)];
  const call = timedCall(problem);
  const selects = kernel.compiled.selection !== undefined;
  const timeOf = async (encode: (encoder: GPUCommandEncoder) => void): Promise<number> => {
    const encoder = device.createCommandEncoder();
    encode(encoder);
    const commands = encoder.finish();
    await device.queue.onSubmittedWorkDone();
    const start = performance.now();
    device.queue.submit([commands]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  };
  return {
    tiles: operator.variant,
    time: () => timeOf((encoder) => operator.encode(encoder, { q, k, v, out }, call)),
    timeSelection: selects ? () => timeOf((encoder) => operator.encodeSelection(encoder, { q, k }, call)) : undefined,
    async result() {
      const shapes = selects ? selectedShapes(kernel.compiled, resolveCall(kernel.compiled, operator.shape, call)) : [];
      const targets = selectedTargets(shapes, own);
      const selected = selectedByName(shapes, targets);
      const staging = own.submit("attnc bench", [out, ...targets], (encoder) => {
        if (selects) operator.encodeSelection(encoder, { q, k, selected }, call);
      });
      const bytes = await readBack(staging);
      const bits = Object.entries(readSelected(shapes, bytes, out.size)).map(([name, each]) => [name, bitsValue(each)] as const);
      return { out: fromDeviceElements(dtype, bytes, elements), selected: Object.fromEntries(bits) };
    },
  };
}
