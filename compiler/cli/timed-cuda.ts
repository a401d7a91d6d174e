import { allocations } from "../../runtime/cuda/memory.js";
import { readSelected, selectedTargets } from "../../runtime/cuda/run.js";
import { DTYPE_BYTES, fromDeviceElements, toDeviceElements } from "../../runtime/launch/host-tensors.js";
import { resolveCall } from "../../runtime/launch/call.js";
import { selectedShapes } from "../../runtime/launch/selection/arrays.js";
import { loadCudaAttention } from "./cuda-executor.js";
import type { CudaExecutor } from "./cuda-executor.js";
import { bitsValue } from "./selections.js";
import { timedCall } from "./timed.js";
import type { Timed, TimedProblem } from "./timed.js";

/** An operator on a CUDA device, timed by the device between two events of its stream. */
export async function timedOnCuda({ cuda, options }: CudaExecutor, problem: TimedProblem): Promise<Timed> {
  const { module, env, batch } = problem;
  const { heads, valueDim, dtype } = module.shape;
  const operator = await loadCudaAttention(cuda, module, { ...options, order: problem.order });
  const memory = allocations(cuda);
  const upload = (values: Float32Array): bigint => memory.upload(toDeviceElements(dtype, values));
  const elements = batch * heads * env.NQ * valueDim;
  const size = elements * DTYPE_BYTES[dtype];
  const tensors = { q: upload(problem.q), k: upload(problem.k), v: upload(problem.v), out: memory.allocate(size) };
  const timer = cuda.timer();
  const stream = 0n;
  const call = timedCall(problem);
  const shapes =
    operator.module.selection === undefined ? [] : selectedShapes(operator.module, resolveCall(operator.module, operator.shape, call));
  const timeOf = (launch: () => void): Promise<number> => {
    timer.start(stream);
    launch();
    timer.stop(stream);
    return Promise.resolve(timer.milliseconds());
  };
  const { q, k } = tensors;
  return {
    tiles: operator.kernel,
    time: () => timeOf(() => operator.launch(tensors, call, stream)),
    timeSelection: shapes.length === 0 ? undefined : () => timeOf(() => operator.select({ q, k }, call, stream)),
    result() {
      const selected = selectedTargets(shapes, memory);
      if (shapes.length > 0) operator.select({ q, k, selected }, call, stream);
      const bytes = new ArrayBuffer(size);
      cuda.download(new Uint8Array(bytes), tensors.out);
      const bits = Object.entries(readSelected(cuda, shapes, selected)).map(([name, each]) => [name, bitsValue(each)] as const);
      return Promise.resolve({ out: fromDeviceElements(dtype, bytes, elements), selected: Object.fromEntries(bits) });
    },
  };
}
