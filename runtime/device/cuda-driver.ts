import { AttnError } from "../launch/errors.js";
import { driverError } from "./cuda-errors.js";
import { loadDriver, loadKoffi } from "./cuda-libraries.js";

type Koffi = typeof import("koffi").default;

const HANDLE = "uint64_t";
const DEVICE_POINTER = "uint64_t";
const MEMORY = "void *";

/**
 * The functions of the driver that are used, with the types of their parameters. Handles and addresses of
 * the device are plain words; memory of the host is a typed array.
 */
const FUNCTIONS = {
  cuInit: ["uint32_t"],
  cuDriverGetVersion: [MEMORY],
  cuDeviceGetCount: [MEMORY],
  cuDeviceGet: [MEMORY, "int"],
  cuDeviceGetName: [MEMORY, "int", "int"],
  cuDeviceGetAttribute: [MEMORY, "int", "int"],
  cuDevicePrimaryCtxRetain: [MEMORY, "int"],
  cuDevicePrimaryCtxRelease_v2: ["int"],
  cuCtxSetCurrent: [HANDLE],
  cuCtxSynchronize: [],
  cuMemAlloc_v2: [MEMORY, "size_t"],
  cuMemFree_v2: [DEVICE_POINTER],
  cuMemcpyHtoD_v2: [DEVICE_POINTER, MEMORY, "size_t"],
  cuMemcpyDtoH_v2: [MEMORY, DEVICE_POINTER, "size_t"],
  cuMemcpyDtoDAsync_v2: [DEVICE_POINTER, DEVICE_POINTER, "size_t", HANDLE],
  cuMemsetD8Async: [DEVICE_POINTER, "uint8_t", "size_t", HANDLE],
  cuPointerGetAttribute: [MEMORY, "int", DEVICE_POINTER],
  cuModuleLoadData: [MEMORY, MEMORY],
  cuModuleUnload: [HANDLE],
  cuModuleGetFunction: [MEMORY, HANDLE, "str"],
  cuFuncSetAttribute: [HANDLE, "int", "int"],
  cuLaunchKernel: [HANDLE, ...Array.from({ length: 7 }, () => "uint32_t"), HANDLE, MEMORY, MEMORY],
  cuStreamSynchronize: [HANDLE],
  cuEventCreate: [MEMORY, "uint32_t"],
  cuEventRecord: [HANDLE, HANDLE],
  cuEventSynchronize: [HANDLE],
  cuEventElapsedTime: [MEMORY, HANDLE, HANDLE],
  cuEventDestroy_v2: [HANDLE],
  cuTensorMapEncodeTiled: [DEVICE_POINTER, "int", "uint32_t", DEVICE_POINTER, MEMORY, MEMORY, MEMORY, MEMORY, "int", "int", "int", "int"],
} as const satisfies Record<string, readonly string[]>;

export type DriverFunction = keyof typeof FUNCTIONS;

type Argument = number | bigint | string | ArrayBufferView | null;

/** The driver of this process. */
export interface CudaDriver {
  /** The path or name it was loaded by. */
  readonly path: string;
  readonly koffi: Koffi;
  /** Calls a function of the driver. Throws ATTN5302 or ATTN5303 where it fails, ATTN5301 where the driver is too old to have it. */
  call(name: DriverFunction, ...args: readonly Argument[]): void;
  /** As `call`, but gives the driver's result: 0 for success. */
  attempt(name: DriverFunction, ...args: readonly Argument[]): number;
}

type Native = (...args: readonly Argument[]) => number;

/** Loads the driver. Rejects with ATTN5301. */
export async function loadCudaDriver(): Promise<CudaDriver> {
  const koffi = await loadKoffi();
  const { path, handle } = loadDriver(koffi);
  const functions = new Map<string, Native>();
  const native = (name: string, parameters: readonly string[]): Native => {
    let found = functions.get(name);
    if (found === undefined) {
      try {
        functions.set(name, (found = handle.func(name, "int", [...parameters]) as Native));
      } catch (cause) {
        throw new AttnError("ATTN5301", {
          field: "device",
          expected: `a CUDA driver with ${name} (CUDA 11.2 or later; 12.0 for kernels with tensor maps)`,
          found: `${path}, which has none`,
          remedy: "Update NVIDIA's driver.",
          cause,
        });
      }
    }
    return found;
  };
  const text = (of: "cuGetErrorName" | "cuGetErrorString", result: number): string => {
    const pointer: (string | null)[] = [null];
    const failed = handle.func(of, "int", ["int", koffi.out(koffi.pointer("str"))]) as unknown as (
      result: number,
      text: (string | null)[],
    ) => number;
    return failed(result, pointer) === 0 ? (pointer[0] ?? "") : "";
  };
  const attempt: CudaDriver["attempt"] = (name, ...args) => native(name, FUNCTIONS[name])(...args);
  const call: CudaDriver["call"] = (name, ...args) => {
    const result = attempt(name, ...args);
    if (result !== 0) throw driverError(name, text("cuGetErrorName", result) || `error ${result}`, text("cuGetErrorString", result));
  };
  return { path, koffi, call, attempt };
}
