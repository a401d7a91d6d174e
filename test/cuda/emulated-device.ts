import koffi from "koffi";
import { HostBlock } from "../../runtime/device/cuda-host-block.js";
import { emulatedLibraries } from "./driver.js";

/** A buffer of the emulated device. */
export interface EmulatedBuffer {
  readonly pointer: bigint;
  upload(data: ArrayBufferView): void;
  download<T extends ArrayBufferView>(into: T): T;
}

/** A parameter of a kernel: a buffer, a whole number (int), or the bytes of anything else. */
export type Parameter = EmulatedBuffer | number | Uint8Array;

export interface EmulatedLaunch {
  readonly grid: number;
  readonly block: number;
  readonly sharedBytes?: number;
  /** Random order of warps, from 1 on; in order without. */
  readonly seed?: number;
}

export interface TensorMapSpec {
  readonly dtype: "f16" | "bf16" | "f32";
  readonly buffer: EmulatedBuffer;
  /** Innermost first; strides in bytes, without the innermost one. */
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly box: readonly number[];
  readonly swizzle: 0 | 32 | 64 | 128;
}

export interface CompileOptions {
  /** sm_90a by default. */
  readonly architecture?: string;
  /** Every access to memory is looked at: for its place, its alignment, and races. */
  readonly checked?: boolean;
}

export interface EmulatedDevice {
  buffer(bytes: number): EmulatedBuffer;
  /** Buffer with these contents. */
  holding(data: ArrayBufferView): EmulatedBuffer;
  freeBuffers(): void;
  /** Frees all buffers and unloads what was compiled. */
  reset(): void;
  /** Compiles CUDA C++; throws with the compiler's log. The function launches a kernel and gives what went wrong, or "". */
  compile(source: string, options?: CompileOptions): (kernel: string, launch: EmulatedLaunch, parameters: readonly Parameter[]) => string;
  tensorMap(spec: TensorMapSpec): Uint8Array;
}

const types = { f16: 6, f32: 7, bf16: 9 } as const;
const swizzles = { 0: 0, 32: 1, 64: 2, 128: 3 } as const;

function bytesOf(parameter: Parameter): Uint8Array {
  if (typeof parameter === "number") return new Uint8Array(Int32Array.of(parameter).buffer);
  if (parameter instanceof Uint8Array) return parameter;
  return new Uint8Array(BigUint64Array.of(parameter.pointer).buffer);
}

/** Opens the emulated device for tests of the emulation itself; a text says why that is not possible. */
export function emulatedDevice(): EmulatedDevice | string {
  const libraries = emulatedLibraries();
  if (typeof libraries === "string") return libraries;
  const library = koffi.load(libraries.cuda);
  const functions = new Map<string, (...args: unknown[]) => number>();
  const attempt = (name: string, types: readonly string[], ...args: unknown[]): number => {
    const f = functions.get(name) ?? (library.func(name, "int", [...types]) as unknown as (...args: unknown[]) => number);
    functions.set(name, f);
    return f(...args);
  };
  const call = (name: string, types: readonly string[], ...args: unknown[]): void => {
    const result = attempt(name, types, ...args);
    if (result !== 0) throw new Error(`${name} failed: ${result}`);
  };
  const lastFailure = library.func("attnc_emulation_last_failure", "str", []) as unknown as () => string;
  const word = (fill: (into: BigUint64Array) => void): bigint => {
    const into = new BigUint64Array(1);
    fill(into);
    return into[0]!;
  };
  process.env["ATTNC_EMULATION_QUIET"] = "1";
  // An array of which nothing but its address is left may be collected before the launch reads it.
  const launchBlock = new HostBlock(koffi);
  const buffers: bigint[] = [];
  const modules: bigint[] = [];

  const buffer = (bytes: number): EmulatedBuffer => {
    const pointer = word((into) => call("cuMemAlloc_v2", ["void *", "size_t"], into, bytes));
    buffers.push(pointer);
    return {
      pointer,
      upload: (data) => call("cuMemcpyHtoD_v2", ["uint64_t", "void *", "size_t"], pointer, data, data.byteLength),
      download: (into) => {
        call("cuMemcpyDtoH_v2", ["void *", "uint64_t", "size_t"], into, pointer, into.byteLength);
        return into;
      },
    };
  };

  const freeBuffers = (): void => {
    for (const pointer of buffers.splice(0)) call("cuMemFree_v2", ["uint64_t"], pointer);
  };

  return {
    buffer,
    holding(data) {
      const made = buffer(data.byteLength);
      made.upload(data);
      return made;
    },
    freeBuffers,
    reset() {
      freeBuffers();
      for (const module of modules.splice(0)) call("cuModuleUnload", ["uint64_t"], module);
    },
    compile(source, { architecture = "sm_90a", checked = false } = {}) {
      process.env["ATTNC_EMULATION_CHECK"] = checked ? "1" : "0";
      const handle = new BigUint64Array(1);
      call("nvrtcCreateProgram", ["void *", "str", "str", "int", "void *", "void *"], handle, source, "test.cu", 0, null, null);
      const options = [`--gpu-architecture=${architecture}`, "--std=c++17"];
      const failed = attempt("nvrtcCompileProgram", ["uint64_t", "int", "const char **"], handle[0], options.length, options);
      delete process.env["ATTNC_EMULATION_CHECK"];
      const sized = (size: string, get: string): Uint8Array => {
        const data = new Uint8Array(Number(word((into) => call(size, ["uint64_t", "void *"], handle[0], into))));
        if (data.length > 0) call(get, ["uint64_t", "void *"], handle[0], data);
        return data;
      };
      if (failed !== 0) throw new Error(new TextDecoder().decode(sized("nvrtcGetProgramLogSize", "nvrtcGetProgramLog")));
      const image = sized("nvrtcGetCUBINSize", "nvrtcGetCUBIN");
      call("nvrtcDestroyProgram", ["void *"], handle);
      const module = word((into) => call("cuModuleLoadData", ["void *", "void *"], into, image));
      modules.push(module);
      return (kernel, { grid, block, sharedBytes = 0, seed = 0 }, parameters) => {
        process.env["ATTNC_EMULATION_SEED"] = String(seed);
        const entry = word((into) => call("cuModuleGetFunction", ["void *", "uint64_t", "str"], into, module, kernel));
        call("cuFuncSetAttribute", ["uint64_t", "int", "int"], entry, 8, sharedBytes);
        const pointers = launchBlock.fill(parameters.map(bytesOf));
        const words = ["uint64_t", ...Array.from({ length: 7 }, () => "uint32_t"), "uint64_t", "void *", "void *"];
        call("cuLaunchKernel", words, entry, grid, 1, 1, block, 1, 1, sharedBytes, 0, pointers, null);
        const result = attempt("cuCtxSynchronize", []);
        delete process.env["ATTNC_EMULATION_SEED"];
        return result === 0 ? "" : lastFailure();
      };
    },
    tensorMap({ dtype, buffer: { pointer }, sizes, strides, box, swizzle }) {
      const room = new Uint8Array(192);
      const start = Number((64n - (BigInt(koffi.address(room)) % 64n)) % 64n);
      const map = room.subarray(start, start + 128);
      call(
        "cuTensorMapEncodeTiled",
        ["void *", "int", "uint32_t", "uint64_t", "void *", "void *", "void *", "void *", "int", "int", "int", "int"],
        map,
        types[dtype],
        sizes.length,
        pointer,
        BigUint64Array.from(sizes, BigInt),
        BigUint64Array.from(strides, BigInt),
        Uint32Array.from(box),
        Uint32Array.from(sizes, () => 1),
        0,
        swizzles[swizzle],
        0,
        0,
      );
      return map;
    },
  };
}
