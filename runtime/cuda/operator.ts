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
import { checkInputNames } from "../launch/input-names.js";
import { withOrderInputs } from "../launch/orders.js";
import { checkOrder, type PairOrder } from "../launch/key-order/plan.js";
import { checkSelectionBytes } from "../launch/selection/selections.js";
import type { AttentionArrays, AttentionOutput } from "../launch/run.js";
import { scalarWords, uniformWords } from "../launch/uniform-words.js";
import { callOfKeys, moduleOfCall } from "../launch/windows.js";
import { chooseKernel, keyOrderKernel, needsArchitectureOnly } from "./choose.js";
import type { CudaDevice, CudaFunction, CudaProgram, CudaStream, DevicePointer } from "./device.js";
import { locateInputs, type CudaInputs, type LocatedInputs } from "./inputs.js";
import { cudaKeyOrder, type CudaKeyOrder } from "./key-order.js";
import { allocations, constantWords, streamMemory } from "./memory.js";
import type { CudaDtype, CudaKernel, CudaModule } from "./module.js";
import { mostKeys } from "./most-keys.js";
import { pointerBytes, wordBytes } from "./parameters.js";
import { checkOverlap, type DeviceRange, type DeviceRef } from "./pointers.js";
import { prepareInput, prepareKernels, prepareKeyList } from "./prepare.js";
import { loadProgram } from "./program.js";
import { runOnArrays } from "./run.js";
import {
  cudaSelectionKernels,
  launchSelection,
  planCudaSelection,
  selectionRanges,
  type CudaSelectionPlan,
  type CudaSelectionTensors,
} from "./selection.js";
import { tensorMaps } from "./tensor-maps.js";
import { locateTensors, type LocatedTensors, type TensorName } from "./tensors.js";

/**
 * The tensors of a launch, in the device's memory: q [batch, heads, NQ, headDim], k [batch, kvHeads, N, headDim],
 * v [batch, kvHeads, N, valueDim], out [batch, heads, NQ, valueDim], of the operator's dtype; lse
 * [batch, heads, NQ], always f32, natural logarithms.
 */
export interface CudaTensors extends CudaSelectionTensors {
  readonly q: DeviceRef;
  readonly k: DeviceRef;
  readonly v: DeviceRef;
  readonly out: DeviceRef;
  readonly lse?: DeviceRef | undefined;
  /** Of a branch whose keys are windows and whose selections read the keys of the call: those, [batch, kvHeads, tokens, headDim]. */
  readonly callKeys?: DeviceRef | undefined;
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
  /**
   * The order of pairs where queries choose blocks of keys: `keys` takes key order wherever there is room for its parts,
   * `queries` never. By default each launch counts and takes the cheaper one.
   */
  readonly order?: PairOrder | undefined;
  /**
   * The most bytes that the intermediate results of selections may take: 1 GiB by default. Calls that need more are run in
   * parts, one after another.
   */
  readonly selectionBytes?: number | undefined;
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
   * Puts a launch into a stream: kernels that convert the inputs and make the selections, if there are any, then the
   * kernel. Copies and waits for nothing. Values of inputs must be right: those out of range are ignored here (`run` checks
   * them). Throws an {@link AttnError} that names the field, before anything is launched.
   */
  launch(tensors: CudaTensors, call: AttentionCall, stream?: CudaStream): void;
  /**
   * Puts what comes before the kernel into a stream, and not the kernel: what the selections choose goes to
   * `tensors.selected`. For layers that only choose, and for timing. Throws as {@link launch}.
   */
  select(tensors: Omit<CudaTensors, "v" | "out" | "lse">, call: AttentionCall, stream?: CudaStream): void;
  /**
   * Runs on plain arrays: uploads, launches, waits and reads back. Tensors as in {@link CudaTensors}, flat, as
   * Float32Array, or for 16-bit dtypes also as Uint16Array of bits. Rejects with an {@link AttnError}.
   */
  run(arrays: AttentionArrays, call: AttentionCall): Promise<AttentionOutput>;
  /** The order that the last launch of a stream chose, for measurements: waits for it and reads it back. */
  lastOrder(stream?: CudaStream): Promise<Exclude<PairOrder, "auto">>;
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
  readonly selectionBytes: number | undefined;
  /** Absent where pairs are always in query order. */
  readonly keyOrder: CudaKeyOrder | undefined;
}

/** A launch that was checked. */
interface LaunchPlan {
  readonly call: ResolvedCall;
  /** As inputs and selections see it. */
  readonly ofKeys: ResolvedCall;
  /** The keys of the call. */
  readonly keys: DeviceRange | undefined;
  readonly tensors: LocatedTensors;
  readonly inputs: LocatedInputs;
  readonly selection: CudaSelectionPlan | undefined;
}

/** The query tiles of a head (of a kv head where its group's queries share tiles), and the blocks of a launch. Throws ATTN5211. */
function gridOf(module: CudaModule, kernel: CudaKernel, call: ResolvedCall, device: CudaDevice): { tiles: number; blocks: number } {
  const { batch, heads, kvHeads, n, nq } = call;
  const rows = kernel.packsHeads ? nq * (heads / kvHeads) : module.queryPlaces === true ? n : nq;
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
  const keys = mostKeys(module.lists?.length ?? 0);
  if (n > keys) {
    throw new AttnError("ATTN5211", {
      field: "call",
      expected: `at most ${keys} keys`,
      found: String(n),
      remedy: "Split the call by keys, and merge the parts by their lse.",
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

/** What a call of an operator throws after `destroy`. */
export const destroyedError = (name: string): AttnError =>
  new AttnError("ATTN5107", { field: "operator", expected: "an operator in use", found: `${name}, destroyed`, remedy: "Make a new one." });

function makeOperator({ device, module, shape, dtype, kernel, program, selectionBytes, keyOrder }: OperatorParts): CudaAttention {
  /** The module with what the launcher itself makes among its inputs. */
  const selecting = moduleOfCall(module);
  const full = withOrderInputs(selecting);
  const attend: CudaFunction = program.function(kernel.symbol, kernel.sharedBytes);
  const prepare = prepareKernels(program, full);
  const selectionKernels = cudaSelectionKernels(program, module, dtype);
  const own = allocations(device);
  const orders: CudaInputs = Object.fromEntries(
    (module.orders ?? []).map((spec) => {
      const table = orderTable(spec);
      return [spec.name, { pointer: own.upload(table), shape: [table.length] }];
    }),
  );
  const constants = constantWords(device);
  const memory = streamMemory(device);
  const scratch = streamMemory(device);
  /** Streams whose last launch may have taken key order. */
  const mayTurn = new Set<CudaStream>();
  let destroyed = false;
  const checkUsable = (): void => {
    if (destroyed) throw destroyedError(module.name);
  };

  /** Checks all but what only the kernel has to do with. */
  const plan = (tensors: Partial<CudaTensors>, call: AttentionCall, names: readonly TensorName[]): LaunchPlan => {
    checkUsable();
    const resolved = resolveCall(module, shape, call);
    const inputs = tensors.inputs ?? {};
    checkInputNames(module, inputs);
    const located = locateTensors(device, dtype, resolved, tensors, names);
    const ofKeys = callOfKeys(module, resolved);
    const keys = module.windows === undefined ? located.k : locateTensors(device, dtype, ofKeys, { k: tensors.callKeys }, ["k"]).k;
    const locatedInputs = locateInputs(device, full, ofKeys, { ...inputs, ...orders });
    const selection = selectionKernels && planCudaSelection(device, selecting, selectionBytes, ofKeys, locatedInputs, tensors);
    const { ranges, written } = selection === undefined ? { ranges: {}, written: [] } : selectionRanges(selection);
    checkOverlap({ ...locatedInputs.ranges, ...ranges, ...located }, ["out", "lse", ...written]);
    return { call: resolved, ofKeys, keys, tensors: located, inputs: locatedInputs, selection };
  };

  /**
   * The words with scalars, inputs and selections in them: constant ones without inputs and selections, else filled by
   * kernels before the one that reads them.
   */
  const fillAux = (
    { ofKeys: call, keys, tensors, inputs: { layout, pointers }, selection }: LaunchPlan,
    stream: CudaStream,
  ): DevicePointer => {
    const scalars = scalarWords(module, call);
    if (layout.inputs.length === 0 && selection === undefined) return constants.get(scalars.length === 0 ? new Int32Array(4) : scalars);
    const scalarPointer = scalars.length === 0 ? undefined : constants.get(scalars);
    const aux = memory.get(stream, layout.words * 4);
    if (scalarPointer !== undefined) device.copy(aux + BigInt(layout.scalars * 4), scalarPointer, scalars.byteLength, stream);
    for (const input of layout.inputs) prepareInput(device, prepare, aux, input, pointers.get(input.spec.name)!, call.n, stream);
    if (selection !== undefined) {
      const [q, k] = [tensors.q!.pointer, keys!.pointer];
      launchSelection(device, selecting, selectionKernels!, scratch, selection, { call, layout, aux, q, k }, stream);
    }
    // Inputs and selections have their bits there by now.
    for (const list of layout.lists) prepareKeyList(device, prepare, aux, list, stream);
    return aux;
  };

  const operator: CudaAttention = {
    device,
    module,
    shape,
    dtype,
    kernel,
    launch(tensors, call, stream = 0n) {
      const planned = plan(tensors, call, ["q", "k", "v", "out", "lse"]);
      const { call: resolved, inputs } = planned;
      const { tiles, blocks } = gridOf(module, kernel, resolved, device);
      const [q, k, v, out] = (["q", "k", "v", "out"] as const).map((name) => planned.tensors[name]!.pointer) as [
        bigint,
        bigint,
        bigint,
        bigint,
      ];
      const lse = planned.tensors.lse?.pointer;
      const words = uniformWords(module, { call: resolved, aux: inputs.layout, tiles, writeLse: lse !== undefined });
      const maps = tensorMaps(device, kernel, resolved, { q, k, v });
      const aux = fillAux(planned, stream);
      const pointers = [q, k, v, aux, out, lse ?? 0n].map(pointerBytes);
      const { threads, sharedBytes } = kernel;
      const whole = (keysFirst: DevicePointer): void => {
        const turn = module.keyOrder === undefined ? [] : [pointerBytes(keysFirst)];
        device.launch(attend, { blocks, threads, sharedBytes, parameters: [wordBytes(words), ...pointers, ...turn, ...maps], stream });
      };
      const order = keyOrder?.plan(resolved, inputs.layout);
      if (order === undefined) {
        mayTurn.delete(stream);
        whole(0n);
        return;
      }
      mayTurn.add(stream);
      keyOrder!.launch(order, { call: resolved, layout: inputs.layout, aux, q, k, v, out, lse }, whole, stream);
    },
    select(tensors, call, stream = 0n) {
      fillAux(plan(tensors, call, ["q", "k"]), stream);
    },
    // A promise even of what fails at once.
    async run(arrays, call) {
      checkUsable();
      return runOnArrays(operator, arrays, call);
    },
    // A promise even of what fails at once.
    async lastOrder(stream = 0n) {
      checkUsable();
      return mayTurn.has(stream) && keyOrder!.keysFirst(stream) ? "keys" : "queries";
    },
    destroy() {
      if (destroyed) return;
      destroyed = true;
      device.synchronize();
      keyOrder?.free();
      own.free();
      constants.free();
      memory.free();
      scratch.free();
    },
  };
  return operator;
}

/**
 * Makes an operator of a compiled module on a device: chooses a kernel and compiles the module's source, once
 * for each device. Rejects with an {@link AttnError}: ATTN5103, ATTN5201, ATTN5212, ATTN5303 to ATTN5306.
 */
export async function createCudaAttention(
  device: CudaDevice,
  module: CudaModule,
  shape: AttentionShape = {},
  options: CudaAttentionOptions = {},
): Promise<CudaAttention> {
  const resolved = resolveShape(module, shape);
  const { selectionBytes } = options;
  checkSelectionBytes(selectionBytes);
  const order = options.order ?? "auto";
  checkOrder(order);
  const dtype = options.dtype ?? module.dtype;
  const kernel = chooseKernel(module, resolved, dtype, device.properties, options.kernel);
  const program = await loadProgram(device, {
    name: module.name,
    source: module.cuda.source,
    architectureOnly: needsArchitectureOnly(module, device.properties),
    cubin: options.cubin,
  });
  const keys = order === "queries" ? undefined : keyOrderKernel(module, resolved, kernel, device.properties);
  const keyOrder = keys && cudaKeyOrder(device, module, program, dtype, kernel, keys, order);
  return makeOperator({ device, module, shape: resolved, dtype, kernel, program, selectionBytes, keyOrder });
}
