import { compileError } from "../../runtime/device/cuda-nvrtc.js";
import { driverError } from "../../runtime/device/cuda-errors.js";
import { loadDriver } from "../../runtime/device/cuda-libraries.js";
import { noCompiler } from "../../runtime/device/cuda-compile.js";
import type { CudaDevice } from "../../runtime/cuda/device.js";
import { createCudaAttention } from "../../runtime/cuda/operator.js";
import { withEnvironment } from "../runtime/cuda/environment.js";
import { denseCudaModule, kernel } from "../runtime/cuda/fixture.js";

type Koffi = Parameters<typeof loadDriver>[0];

/** A machine without any library. */
const koffi = {
  load: () => {
    throw new Error("Failed to load shared library: cannot open shared object file: No such file or directory");
  },
} as unknown as Koffi;

/** As much of a device as a launch asks before it launches. */
const device = {
  properties: { name: "Tesla T4", architecture: 75, multiprocessors: 40, sharedBytes: 65536 },
  load: () => Promise.resolve({ function: (symbol: string) => ({ symbol, handle: 1n }), unload: () => undefined }),
  allocationOf: () => ({ start: 0n, bytes: 2 ** 40 }),
} as unknown as CudaDevice;

async function launch(q: bigint): Promise<void> {
  const operator = await createCudaAttention(device, denseCudaModule());
  operator.launch({ q, k: 2n ** 20n, v: 2n ** 21n, out: 2n ** 22n }, { length: 6 });
}

const tensorCores = denseCudaModule({ cuda: { source: "", kernels: [kernel({ name: "mma-f32", architecture: 80 })] } });

/** For each code of CUDA an action that fails with it. */
export const cudaFailures: Readonly<Record<string, () => unknown>> = {
  ATTN5301: () => withEnvironment({ ATTNC_CUDA_DRIVER: undefined }, () => loadDriver(koffi)),
  ATTN5302: () => {
    throw driverError("cuInit", "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected");
  },
  ATTN5303: () => {
    throw driverError("cuMemAlloc_v2", "CUDA_ERROR_OUT_OF_MEMORY", "out of memory");
  },
  ATTN5304: () =>
    withEnvironment({ ATTNC_NVRTC: undefined }, () => {
      throw noCompiler("libnvrtc.so.13: cannot open shared object file: No such file or directory");
    }),
  ATTN5305: () => {
    throw compileError("sliding", "sm_120", "NVRTC 12.2", "nvrtc: error: invalid value for --gpu-architecture (-arch)\n");
  },
  ATTN5306: () => createCudaAttention(device, tensorCores),
  ATTN5307: () => launch(1000n),
};
