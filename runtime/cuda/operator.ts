import {
  resolveCall,
  resolveShape,
  type AttentionCall,
  type AttentionShape,
  type ResolvedCall,
  type ResolvedShape,
} from "../launch/call.js";
import { orderTable } from "../launch/curves.js";
import { AttnError } from "../launch/errors.js";
import { DTYPE_BYTES } from "../launch/host-tensors.js";
import { checkInputNames } from "../launch/input-names.js";
import { withOrderInputs } from "../launch/orders.js";
import type { AttentionArrays, AttentionOutput } from "../launch/run.js";
import { scalarWords, uniformWords } from "../launch/uniform-words.js";
import { chooseKernel, needsArchitectureOnly } from "./choose.js";
import type { CudaDevice, CudaFunction, CudaProgram, CudaStream, DevicePointer } from "./device.js";
import { locateInputs, type CudaInputs, type LocatedInputs } from "./inputs.js";
import { allocations, constantWords, streamMemory } from "./memory.js";
import type { CudaDtype, CudaKernel, CudaModule } from "./module.js";
import { pointerBytes, wordBytes } from "./parameters.js";
import { checkOverlap, deviceRange, TENSOR_ALIGNMENT, type DeviceRange, type DeviceRef } from "./pointers.js";
import { prepareInput, prepareKernels } from "./prepare.js";
import { loadProgram } from "./program.js";
import { runOnArrays } from "./run.js";
import { tensorMaps } from "./tensor-maps.js";

/**
 * The tensors of a launch, in the device's memory: q [batch, heads, NQ, headDim], k [batch, kvHeads, N, headDim],
 * v [batch, kvHeads, N, valueDim], out [batch, heads, NQ, valueDim], of the operator's dtype; lse
 * [batch, heads, NQ], always f32, natural logarithms.
 */
export interface CudaTensors {
  readonly q: DeviceRef;
  readonly k: DeviceRef;
  readonly v: DeviceRef;
  readonly out: DeviceRef;
  readonly lse?: DeviceRef | undefined;
  /** Inputs of the declaration, by their names. */
  readonly inputs?: CudaInputs | undefined;
}

export interface CudaAttentionOptions {
  /** A kernel by name instead of the one chosen. */
  readonly kernel?: string | undefined;
  /** The element type of q, k, v and out, where the module has kernels for several; its own by default. */
  readonly dtype?: CudaDtype | undefined;
  /** What nvcc made of the module's source for this device: it is loaded instead of compiling the source. */
  readonly cubin?: Uint8Array | undefined;
}

/** One attention operator on one CUDA device. Made by {@link createCudaAttention}. */
export interface CudaAttention {
  readonly device: CudaDevice;
  readonly module: CudaModule;
  readonly shape: ResolvedShape;
  readonly dtype: CudaDtype;
  /** The kernel that was chosen. */
  readonly kernel: CudaKernel;
  /**
   * Puts a launch into a stream: kernels that convert the inputs, if there are any, then the kernel. Copies
   * and waits for nothing. Values of inputs must be right: those out of range are ignored here (`run` checks
   * them). Throws an {@link AttnError} that names the field, before anything is launched.
   */
  launch(tensors: CudaTensors, call: AttentionCall, stream?: CudaStream): void;
  /**
   * Runs on plain arrays: uploads, launches, waits and reads back. Tensors as in {@link CudaTensors}, flat, as
   * Float32Array, or for 16-bit dtypes also as Uint16Array of bits. Rejects with an {@link AttnError}.
   */
  run(arrays: AttentionArrays, call: AttentionCall): Promise<AttentionOutput>;
  /** Frees the operator's own memory, once what was launched has ended. */
  destroy(): void;
}

/** The most blocks of a grid in x. */
const MOST_BLOCKS = 2 ** 31 - 1;
/** The most rows of a head or group, so that kernels count them in 32 bits, the last tile's too. */
const MOST_ROWS = 2 ** 31 - 1024;

interface OperatorParts {
  readonly device: CudaDevice;
  readonly module: CudaModule;
  readonly shape: ResolvedShape;
  readonly dtype: CudaDtype;
  readonly kernel: CudaKernel;
  readonly program: CudaProgram;
}

type TensorRanges = Readonly<Record<"q" | "k" | "v" | "out", DeviceRange>> & { readonly lse?: DeviceRange | undefined };

/** Where the tensors of a call are. Throws ATTN5208 and ATTN5307. */
function locateTensors(device: CudaDevice, dtype: CudaDtype, call: ResolvedCall, tensors: CudaTensors): TensorRanges {
  const { batch, heads, kvHeads, n, nq, headDim, valueDim } = call;
  const locate = (field: "q" | "k" | "v" | "out" | "lse", shape: readonly number[], bytes: number, alignment: number): DeviceRange => {
    const size = shape.reduce((a, b) => a * b, bytes);
    return deviceRange(field, tensors[field], size, alignment, `[${shape.join(", ")}]`, device);
  };
  const tensor = (field: "q" | "k" | "v" | "out", shape: readonly number[]): DeviceRange =>
    locate(field, shape, DTYPE_BYTES[dtype], TENSOR_ALIGNMENT);
  return {
    q: tensor("q", [batch, heads, nq, headDim]),
    k: tensor("k", [batch, kvHeads, n, headDim]),
    v: tensor("v", [batch, kvHeads, n, valueDim]),
    out: tensor("out", [batch, heads, nq, valueDim]),
    lse: tensors.lse === undefined ? undefined : locate("lse", [batch, heads, nq], 4, 4),
  };
}

/** The query tiles of a head (of a kv head where its group's queries share tiles), and the blocks of a launch. Throws ATTN5211. */
function gridOf(module: CudaModule, kernel: CudaKernel, call: ResolvedCall, device: CudaDevice): { tiles: number; blocks: number } {
  const { batch, heads, kvHeads, n, nq } = call;
  const rows = kernel.packsHeads ? nq * (heads / kvHeads) : module.layout === undefined ? nq : n;
  const tiles = Math.ceil(rows / kernel.tileQ);
  const total = tiles * (kernel.packsHeads ? kvHeads : heads) * batch;
  if (rows > MOST_ROWS) {
    throw new AttnError("ATTN5211", {
      field: "call",
      expected: `at most ${MOST_ROWS} queries of the heads of a group`,
      found: String(rows),
      remedy: "Split the call by queries or by heads.",
    });
  }
  if (total > MOST_BLOCKS) {
    throw new AttnError("ATTN5211", {
      field: "call",
      expected: `at most ${MOST_BLOCKS} tiles of queries`,
      found: String(total),
      remedy: "Split the call by batch entries.",
    });
  }
  return { tiles, blocks: kernel.persistent ? Math.min(total, device.properties.multiprocessors) : total };
}

function makeOperator({ device, module, shape, dtype, kernel, program }: OperatorParts): CudaAttention {
  /** The module with what the launcher itself makes among its inputs. */
  const full = withOrderInputs(module);
  const attend: CudaFunction = program.function(kernel.symbol, kernel.sharedBytes);
  const prepare = prepareKernels(program, full);
  const own = allocations(device);
  const orders: CudaInputs = Object.fromEntries(
    (module.orders ?? []).map((spec) => {
      const table = orderTable(spec);
      return [spec.name, { pointer: own.upload(table), shape: [table.length] }];
    }),
  );
  const constants = constantWords(device);
  const memory = streamMemory(device);
  let destroyed = false;
  const checkUsable = (): void => {
    if (!destroyed) return;
    throw new AttnError("ATTN5107", {
      field: "operator",
      expected: "an operator in use",
      found: `${module.name}, destroyed`,
      remedy: "Make a new one with `createCudaAttention`.",
    });
  };

  /** The words with scalars and inputs in them: constant ones without inputs, else filled by kernels before the one that reads them. */
  const fillAux = ({ layout, pointers }: LocatedInputs, call: ResolvedCall, stream: CudaStream): DevicePointer => {
    const scalars = scalarWords(module, call);
    if (layout.inputs.length === 0) return constants.get(scalars.length === 0 ? new Int32Array(4) : scalars);
    const scalarPointer = scalars.length === 0 ? undefined : constants.get(scalars);
    const aux = memory.get(stream, layout.words * 4);
    if (scalarPointer !== undefined) device.copy(aux + BigInt(layout.scalars * 4), scalarPointer, scalars.byteLength, stream);
    for (const input of layout.inputs) prepareInput(device, prepare, aux, input, pointers.get(input.spec.name)!, call.n, stream);
    return aux;
  };

  const operator: CudaAttention = {
    device,
    module,
    shape,
    dtype,
    kernel,
    launch(tensors, call, stream = 0n) {
      checkUsable();
      const resolved = resolveCall(module, shape, call);
      const inputs = tensors.inputs ?? {};
      checkInputNames(module, inputs);
      const ranges = locateTensors(device, dtype, resolved, tensors);
      const located = locateInputs(device, full, resolved, { ...inputs, ...orders });
      checkOverlap({ ...located.ranges, ...definedOnly(ranges) }, ["out", "lse"]);
      const { tiles, blocks } = gridOf(module, kernel, resolved, device);
      const words = uniformWords(module, { call: resolved, aux: located.layout, tiles, writeLse: ranges.lse !== undefined });
      const { q, k, v, out, lse } = ranges;
      const maps = tensorMaps(device, kernel, resolved, { q: q.pointer, k: k.pointer, v: v.pointer });
      const aux = fillAux(located, resolved, stream);
      const pointers = [q.pointer, k.pointer, v.pointer, aux, out.pointer, lse?.pointer ?? 0n].map(pointerBytes);
      const { threads, sharedBytes } = kernel;
      device.launch(attend, { blocks, threads, sharedBytes, parameters: [wordBytes(words), ...pointers, ...maps], stream });
    },
    // A promise even of what fails at once.
    async run(arrays, call) {
      checkUsable();
      return runOnArrays(operator, arrays, call);
    },
    destroy() {
      if (destroyed) return;
      destroyed = true;
      device.synchronize();
      own.free();
      constants.free();
      memory.free();
    },
  };
  return operator;
}

function definedOnly(ranges: TensorRanges): Readonly<Record<string, DeviceRange>> {
  const { lse, ...others } = ranges;
  return lse === undefined ? others : { ...others, lse };
}

/**
 * Makes an operator of a compiled module on a device: chooses a kernel and compiles the module's source, once
 * for each device. Rejects with an {@link AttnError}: ATTN5103, ATTN5201, ATTN5303 to ATTN5306.
 */
export async function createCudaAttention(
  device: CudaDevice,
  module: CudaModule,
  shape: AttentionShape = {},
  options: CudaAttentionOptions = {},
): Promise<CudaAttention> {
  const resolved = resolveShape(module, shape);
  const dtype = options.dtype ?? module.dtype;
  const kernel = chooseKernel(module, resolved, dtype, device.properties, options.kernel);
  const program = await loadProgram(device, {
    name: module.name,
    source: module.cuda.source,
    architectureOnly: needsArchitectureOnly(module, device.properties),
    cubin: options.cubin,
  });
  return makeOperator({ device, module, shape: resolved, dtype, kernel, program });
}
