import type { Allocation, CudaDevice, CudaFunction, CudaLaunch, CudaProgram, CudaProperties, CudaSource } from "../cuda/device.js";
import { AttnError } from "../launch/errors.js";
import { compileCubin } from "./cuda-compile.js";
import { loadCudaDriver, type CudaDriver } from "./cuda-driver.js";
import { HostBlock } from "./cuda-host-block.js";
import { encodeTensorMap } from "./cuda-tensor-map.js";

/** CUdevice_attribute, CUpointer_attribute and CUfunction_attribute, by the numbers of cuda.h. */
const MULTIPROCESSORS = 16;
const CAPABILITY_MAJOR = 75;
const CAPABILITY_MINOR = 76;
const SHARED_PER_BLOCK_OPTIN = 97;
const RANGE_START = 11;
const RANGE_SIZE = 12;
const DYNAMIC_SHARED_BYTES = 8;
/** What a kernel may have without asking. */
const USUAL_SHARED_BYTES = 48 * 1024;

const word = (): BigUint64Array => new BigUint64Array(1);

/** A word that a function of the driver writes. */
function written(call: (into: BigUint64Array) => void): bigint {
  const into = word();
  call(into);
  return into[0]!;
}

function integer(call: (into: Int32Array) => void): number {
  const into = new Int32Array(1);
  call(into);
  return into[0]!;
}

function propertiesOf(driver: CudaDriver, device: number): CudaProperties {
  const attribute = (which: number): number => integer((into) => driver.call("cuDeviceGetAttribute", into, which, device));
  const name = new Uint8Array(256);
  driver.call("cuDeviceGetName", name, name.length, device);
  return {
    name: new TextDecoder().decode(name.subarray(0, name.indexOf(0))),
    architecture: 10 * attribute(CAPABILITY_MAJOR) + attribute(CAPABILITY_MINOR),
    multiprocessors: attribute(MULTIPROCESSORS),
    sharedBytes: attribute(SHARED_PER_BLOCK_OPTIN),
  };
}

function checkOrdinal(driver: CudaDriver, ordinal: number): void {
  const count = integer((into) => driver.call("cuDeviceGetCount", into));
  if (Number.isInteger(ordinal) && ordinal >= 0 && ordinal < count) return;
  throw new AttnError("ATTN5302", {
    field: "device",
    expected: count === 0 ? "a GPU that CUDA can use" : `a device from 0 to ${count - 1}`,
    found: count === 0 ? "none" : String(ordinal),
    remedy: "Check that nvidia-smi lists a GPU, and that CUDA_VISIBLE_DEVICES does not hide it.",
  });
}

/** Options of {@link openCudaDevice}. */
export interface CudaDeviceOptions {
  /** Which of the devices that CUDA_VISIBLE_DEVICES leaves; the first by default. */
  readonly ordinal?: number | undefined;
}

/**
 * Opens a CUDA device through the driver's library, in the context that other libraries of the process
 * use too (the primary one), so that their pointers and streams may be handed to operators. Rejects with
 * ATTN5301 where package or driver are missing, ATTN5302 where there is no device.
 */
export async function openCudaDevice({ ordinal = 0 }: CudaDeviceOptions = {}): Promise<CudaDevice> {
  const driver = await loadCudaDriver();
  driver.call("cuInit", 0);
  checkOrdinal(driver, ordinal);
  const device = integer((into) => driver.call("cuDeviceGet", into, ordinal));
  const properties = propertiesOf(driver, device);
  const context = written((into) => driver.call("cuDevicePrimaryCtxRetain", into, device));
  /** Makes the context this thread's: other code may have set another since. */
  const call: CudaDriver["call"] = (name, ...args) => {
    driver.call("cuCtxSetCurrent", context);
    driver.call(name, ...args);
  };
  const launchBlock = new HostBlock(driver.koffi);
  const mapBlock = new HostBlock(driver.koffi);
  let open = true;
  return {
    properties,
    // The driver refuses allocations of no bytes.
    allocate: (bytes) => written((into) => call("cuMemAlloc_v2", into, Math.max(16, bytes))),
    free: (pointer) => call("cuMemFree_v2", pointer),
    upload(pointer, data) {
      if (data.byteLength === 0) return;
      call("cuMemcpyHtoD_v2", pointer, data, data.byteLength);
      // The copy may still be on its way from a buffer of the driver, and other streams do not wait for it.
      call("cuStreamSynchronize", 0n);
    },
    download(into, pointer) {
      if (into.byteLength > 0) call("cuMemcpyDtoH_v2", into, pointer, into.byteLength);
    },
    copy(to, from, bytes, stream) {
      if (bytes > 0) call("cuMemcpyDtoDAsync_v2", to, from, bytes, stream);
    },
    clear(pointer, bytes, stream) {
      if (bytes > 0) call("cuMemsetD8Async", pointer, 0, bytes, stream);
    },
    allocationOf(pointer): Allocation | undefined {
      driver.call("cuCtxSetCurrent", context);
      const [start, size] = [word(), word()];
      if (driver.attempt("cuPointerGetAttribute", start, RANGE_START, pointer) !== 0) return undefined;
      driver.call("cuPointerGetAttribute", size, RANGE_SIZE, pointer);
      return { start: start[0]!, bytes: Number(size[0]!) };
    },
    async load(source: CudaSource): Promise<CudaProgram> {
      const cubin = source.cubin ?? (await compileCubin(driver.koffi, source, properties.architecture));
      const code = written((into) => call("cuModuleLoadData", into, cubin));
      return {
        function(symbol, sharedBytes): CudaFunction {
          const handle = written((into) => call("cuModuleGetFunction", into, code, symbol));
          if (sharedBytes > USUAL_SHARED_BYTES) call("cuFuncSetAttribute", handle, DYNAMIC_SHARED_BYTES, sharedBytes);
          return { symbol, handle };
        },
        unload: () => call("cuModuleUnload", code),
      };
    },
    launch(kernel: CudaFunction, { blocks, threads, sharedBytes, parameters, stream }: CudaLaunch) {
      // The driver has copied the parameters when the call returns.
      const pointers = launchBlock.fill(parameters);
      call("cuLaunchKernel", kernel.handle, blocks, 1, 1, threads, 1, 1, sharedBytes, stream, pointers, null);
    },
    tensorMap: (spec) => encodeTensorMap(spec, mapBlock, call),
    timer() {
      const [first, last] = [0, 1].map(() => written((into) => call("cuEventCreate", into, 0))) as [bigint, bigint];
      return {
        start: (stream) => call("cuEventRecord", first, stream),
        stop: (stream) => call("cuEventRecord", last, stream),
        milliseconds() {
          const elapsed = new Float32Array(1);
          call("cuEventSynchronize", last);
          call("cuEventElapsedTime", elapsed, first, last);
          return elapsed[0]!;
        },
        destroy() {
          call("cuEventDestroy_v2", first);
          call("cuEventDestroy_v2", last);
        },
      };
    },
    synchronize(stream) {
      if (stream === undefined) call("cuCtxSynchronize");
      else call("cuStreamSynchronize", stream);
    },
    close() {
      if (!open) return;
      open = false;
      driver.call("cuDevicePrimaryCtxRelease_v2", device);
    },
  };
}
