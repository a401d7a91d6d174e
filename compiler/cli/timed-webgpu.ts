import { DTYPE_BYTES, fromDeviceElements, toDeviceElements } from "../../runtime/launch/host-tensors.js";
import { createAttention } from "../../runtime/launch/operator.js";
import type { OpenedDevice } from "../../runtime/device/open.js";
import type { DeviceKernel } from "./executor.js";
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
    { profile, variant: kernel.variant },
  );
  const { STORAGE, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage;
  const upload = (values: Float32Array<ArrayBuffer>): GPUBuffer => {
    const bytes = toDeviceElements(dtype, values) as ArrayBufferView<ArrayBuffer>;
    const buffer = device.createBuffer({ size: bytes.byteLength, usage: STORAGE | COPY_DST });
    device.queue.writeBuffer(buffer, 0, bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return buffer;
  };
  const elements = batch * heads * env.NQ * valueDim;
  const size = elements * DTYPE_BYTES[dtype];
  const out = device.createBuffer({ size, usage: STORAGE | COPY_SRC });
  const buffers = { q: upload(problem.q), k: upload(problem.k), v: upload(problem.v), out };
  return {
    tiles: operator.variant,
    async time() {
      const encoder = device.createCommandEncoder();
      operator.encode(encoder, buffers, timedCall(problem));
      const commands = encoder.finish();
      await device.queue.onSubmittedWorkDone();
      const start = performance.now();
      device.queue.submit([commands]);
      await device.queue.onSubmittedWorkDone();
      return performance.now() - start;
    },
    async output() {
      const staging = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(out, 0, staging, 0, size);
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const bytes = staging.getMappedRange().slice(0);
      staging.destroy();
      return fromDeviceElements(dtype, bytes, elements);
    },
  };
}
