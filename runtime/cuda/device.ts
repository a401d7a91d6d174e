/**
 * What the CUDA operators need of a device. `runtime/device/cuda.ts` opens one in Node; operators know
 * nothing of how the driver is reached.
 */

/** An address in the device's memory. */
export type DevicePointer = bigint;

/** A stream of the driver; 0n is the default one. */
export type CudaStream = bigint;

/** What is known of a device. */
export interface CudaProperties {
  /** As the driver calls it: `NVIDIA H100 80GB HBM3`. */
  readonly name: string;
  /** Compute capability, times ten: 90. */
  readonly architecture: number;
  readonly multiprocessors: number;
  /** Shared memory that one block may have, in bytes, when it asks for more than the usual 48 KiB. */
  readonly sharedBytes: number;
}

/** A kernel, ready to launch. */
export interface CudaFunction {
  readonly symbol: string;
  readonly handle: bigint;
}

/** Machine code on a device. */
export interface CudaProgram {
  /** Throws ATTN5303 where there is no kernel of that name. `sharedBytes`: dynamic shared memory of its launches. */
  function(symbol: string, sharedBytes: number): CudaFunction;
  unload(): void;
}

/** What a program is made from: CUDA C++, or a cubin that nvcc made of it for this very architecture. */
export interface CudaSource {
  /** For messages. */
  readonly name: string;
  readonly source: string;
  /** Compile for exactly this device (sm_90a), not for its family: kernels use what only it has. */
  readonly architectureOnly: boolean;
  readonly cubin?: Uint8Array | undefined;
}

/** A launch in one dimension. */
export interface CudaLaunch {
  readonly blocks: number;
  readonly threads: number;
  readonly sharedBytes: number;
  /** The kernel's parameters in order, each as its bytes. */
  readonly parameters: readonly Uint8Array[];
  readonly stream: CudaStream;
}

/** How a tensor is cut into boxes for bulk copies. Sizes count from the innermost axis on. */
export interface TensorMapSpec {
  readonly dtype: "f32" | "f16" | "bf16";
  readonly pointer: DevicePointer;
  /** Elements of each axis. */
  readonly extents: readonly number[];
  /** Bytes from one entry to the next, of each axis but the innermost. */
  readonly strides: readonly number[];
  /** Elements of a box along each axis. */
  readonly box: readonly number[];
  /** Bytes over which 16-byte pieces of a box's rows are swizzled in shared memory; 0: not at all. */
  readonly swizzle: 0 | 32 | 64 | 128;
}

/** Start and length of the allocation that an address lies in. */
export interface Allocation {
  readonly start: DevicePointer;
  readonly bytes: number;
}

/** Two points in the work of a stream. */
export interface CudaTimer {
  start(stream: CudaStream): void;
  stop(stream: CudaStream): void;
  /** Milliseconds between them, once the stream has got there. */
  milliseconds(): number;
  destroy(): void;
}

/** One CUDA device. Every method throws ATTN5303 where the driver reports an error. */
export interface CudaDevice {
  readonly properties: CudaProperties;
  allocate(bytes: number): DevicePointer;
  free(pointer: DevicePointer): void;
  /** Waits until the bytes are there. */
  upload(pointer: DevicePointer, data: ArrayBufferView): void;
  /** Waits for the default stream, then for the copy. */
  download(into: ArrayBufferView, pointer: DevicePointer): void;
  copy(to: DevicePointer, from: DevicePointer, bytes: number, stream: CudaStream): void;
  clear(pointer: DevicePointer, bytes: number, stream: CudaStream): void;
  /** Undefined where the address belongs to no memory that the driver knows. */
  allocationOf(pointer: DevicePointer): Allocation | undefined;
  /** Compiles and loads. Rejects with ATTN5304 and ATTN5305. */
  load(source: CudaSource): Promise<CudaProgram>;
  launch(kernel: CudaFunction, launch: CudaLaunch): void;
  /** The 128 bytes of a tensor map, to be a parameter of a kernel. */
  tensorMap(spec: TensorMapSpec): Uint8Array;
  timer(): CudaTimer;
  synchronize(stream?: CudaStream): void;
  /** Gives the device back. What was made on it is gone. */
  close(): void;
}
