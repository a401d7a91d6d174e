import { AttnError } from "../launch/errors.js";
import type { CudaCompiler } from "./cuda-compiler.js";
import type { Library } from "./cuda-libraries.js";

const MEMORY = "void *";
const PROGRAM = "uint64_t";

const FUNCTIONS = {
  nvrtcVersion: [MEMORY, MEMORY],
  nvrtcCreateProgram: [MEMORY, "str", "str", "int", MEMORY, MEMORY],
  nvrtcCompileProgram: [PROGRAM, "int", "const char **"],
  nvrtcGetProgramLogSize: [PROGRAM, MEMORY],
  nvrtcGetProgramLog: [PROGRAM, MEMORY],
  nvrtcGetCUBINSize: [PROGRAM, MEMORY],
  nvrtcGetCUBIN: [PROGRAM, MEMORY],
  nvrtcDestroyProgram: [MEMORY],
} as const;

/** The compiler's own errors are in its log; others say that NVRTC is not whole. */
const COMPILATION_FAILED = 6;

type Name = keyof typeof FUNCTIONS;
type Argument = number | bigint | string | readonly string[] | ArrayBufferView | null;
interface Native {
  (...args: readonly Argument[]): number;
  async(...args: readonly unknown[]): void;
}

/** The compiler in the library of NVRTC. Throws ATTN5304 where that is too old. */
export function nvrtcCompiler({ path, handle }: Library): CudaCompiler {
  const functions = new Map<Name, Native>();
  const native = (name: Name): Native => {
    let found = functions.get(name);
    if (found === undefined) {
      try {
        functions.set(name, (found = handle.func(name, "int", [...FUNCTIONS[name]]) as unknown as Native));
      } catch (cause) {
        throw unusable(path, `which has no ${name}`, cause);
      }
    }
    return found;
  };
  const text = handle.func("nvrtcGetErrorString", "str", ["int"]) as unknown as (result: number) => string;
  const check = (name: Name, result: number): void => {
    if (result !== 0) throw unusable(path, `where ${name} failed: ${text(result)}`);
  };
  const call = (name: Name, ...args: readonly Argument[]): void => check(name, native(name)(...args));
  const sized = (size: Name, get: Name, program: bigint): Uint8Array => {
    const bytes = new BigUint64Array(1);
    call(size, program, bytes);
    const data = new Uint8Array(Number(bytes[0]!));
    if (data.length > 0) call(get, program, data);
    return data;
  };
  const [major, minor] = [new Int32Array(1), new Int32Array(1)];
  call("nvrtcVersion", major, minor);
  const version = `NVRTC ${major[0]}.${minor[0]}`;
  return {
    // By its path too: a library of the same version that ATTNC_NVRTC names may make something else.
    version: `${version} ${path}`,
    async compile(name, source, architecture) {
      const handles = new BigUint64Array(1);
      call("nvrtcCreateProgram", handles, source, `${name}.cu`, 0, null, null);
      const program = handles[0]!;
      try {
        const options = [`--gpu-architecture=${architecture}`, "--std=c++17"];
        const result = await new Promise<number>((resolve, reject) =>
          // In a thread of its own: it takes seconds.
          native("nvrtcCompileProgram").async(program, options.length, options, (error: unknown, value: number) =>
            error ? reject(error as Error) : resolve(value),
          ),
        );
        if (result === 0) return sized("nvrtcGetCUBINSize", "nvrtcGetCUBIN", program);
        if (result !== COMPILATION_FAILED) check("nvrtcCompileProgram", result);
        const log = new TextDecoder().decode(sized("nvrtcGetProgramLogSize", "nvrtcGetProgramLog", program)).replace(/\0+$/, "");
        throw compileError(name, architecture, version, log);
      } finally {
        native("nvrtcDestroyProgram")(handles);
      }
    },
  };
}

function unusable(path: string, found: string, cause?: unknown): AttnError {
  return new AttnError("ATTN5304", {
    field: "compiler",
    expected: "NVRTC of CUDA 11.2 or later",
    found: `${path}, ${found}`,
    remedy: "Install a newer CUDA toolkit, or give a cubin made by nvcc.",
    cause,
  });
}

/** The error for source that a compiler refuses, with its log. */
export function compileError(name: string, architecture: string, compiler: string, log: string): AttnError {
  return new AttnError("ATTN5305", {
    field: name,
    expected: `CUDA C++ that ${compiler} compiles for ${architecture}`,
    found: `errors:\n${log.trim()}`,
    remedy: "Where the compiler does not know the architecture, install a newer CUDA toolkit; report anything else.",
  });
}
