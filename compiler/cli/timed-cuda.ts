import { allocations } from "../../runtime/cuda/memory.js";
import { DTYPE_BYTES, fromDeviceElements, toDeviceElements } from "../../runtime/launch/host-tensors.js";
import { loadCudaAttention } from "./cuda-executor.js";
import type { CudaExecutor } from "./cuda-executor.js";
import { timedCall } from "./timed.js";
import type { Timed, TimedProblem } from "./timed.js";

/** An operator on a CUDA device, timed by the device between two events of its stream. */
export async function timedOnCuda({ cuda, kernel }: CudaExecutor, problem: TimedProblem): Promise<Timed> {
  const { module, env, batch } = problem;
  const { heads, valueDim, dtype } = module.shape;
  const operator = await loadCudaAttention(cuda, module, kernel);
  const memory = allocations(cuda);
  const upload = (values: Float32Array): bigint => memory.upload(toDeviceElements(dtype, values));
  const elements = batch * heads * env.NQ * valueDim;
  const size = elements * DTYPE_BYTES[dtype];
  const tensors = { q: upload(problem.q), k: upload(problem.k), v: upload(problem.v), out: memory.allocate(size) };
  const timer = cuda.timer();
  const stream = 0n;
  return {
    tiles: operator.kernel,
    time() {
      timer.start(stream);
      operator.launch(tensors, timedCall(problem), stream);
      timer.stop(stream);
      return Promise.resolve(timer.milliseconds());
    },
    output() {
      const bytes = new ArrayBuffer(size);
      cuda.download(new Uint8Array(bytes), tensors.out);
      return Promise.resolve(fromDeviceElements(dtype, bytes, elements));
    },
  };
}
