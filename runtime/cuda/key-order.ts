import type { ResolvedCall } from "../launch/call.js";
import type { AuxLayout } from "../launch/input-layout.js";
import { keyOrderWords } from "../launch/key-order/fields.js";
import { keyOrderOf, type KeyOrderPlan, type OrderKernels, type OrderLimits, type PairOrder } from "../launch/key-order/plan.js";
import { uniformWords } from "../launch/uniform-words.js";
import type { CudaDevice, CudaFunction, CudaProgram, CudaStream, DevicePointer } from "./device.js";
import { streamMemory } from "./memory.js";
import { symbolStem, type CudaDtype, type CudaKernel, type CudaModule } from "./module.js";
import { pointerBytes, wordBytes } from "./parameters.js";

/** What a launch in key order works on, all in the device's memory. */
export interface KeyOrderLaunch {
  readonly call: ResolvedCall;
  readonly layout: AuxLayout;
  readonly aux: DevicePointer;
  readonly q: DevicePointer;
  readonly k: DevicePointer;
  readonly v: DevicePointer;
  readonly out: DevicePointer;
  readonly lse: DevicePointer | undefined;
}

/** The kernels of an operator's key order, with the memory that its launches share. */
export interface CudaKeyOrder {
  /** How a call may be computed in key order; undefined where it is not worth the lists. */
  plan(call: ResolvedCall, layout: AuxLayout): KeyOrderPlan | undefined;
  /**
   * Puts both orders into a stream: the lists and the choice; `whole`, which launches the kernel of query order and is given
   * the word that tells it to leave; then, slice by slice, the kernels of key order, which leave where queries go first.
   */
  launch(plan: KeyOrderPlan, on: KeyOrderLaunch, whole: (keysFirst: DevicePointer) => void, stream: CudaStream): void;
  /** Whether keys went first in the last launch of a stream: waits for it. */
  keysFirst(stream: CudaStream): boolean;
  free(): void;
}

/** Words of lists are counted in 32 bits. */
const LIMITS: OrderLimits = { maxStorageBufferBindingSize: 2 ** 31, maxBufferSize: 2 ** 31 };
const LIST_THREADS = 256;
/** Of the kernel with the most, three words for each thread. */
const LIST_BYTES = 3 * 4 * LIST_THREADS;

/** `kernel` is that of query order, `keys` that whose tiles key order has. Throws ATTN5303 where the program has not what they need. */
export function cudaKeyOrder(
  device: CudaDevice,
  module: CudaModule,
  program: CudaProgram,
  dtype: CudaDtype,
  kernel: CudaKernel,
  keys: CudaKernel,
  order: PairOrder,
): CudaKeyOrder {
  const stem = symbolStem(module.name);
  const list = (name: string): CudaFunction => program.function(`${stem}_order_${name}`, LIST_BYTES);
  const [parts, count, choose, fill] = [list("parts"), list("count"), list("choose"), list("fill")];
  const merge = program.function(`${stem}_merge_parts_${dtype}`, 0);
  const symbols = keys.keyOrder!;
  const chosen = program.function(symbols.chosen, keys.sharedBytes);
  const rest = symbols.rest === undefined ? undefined : program.function(symbols.rest, keys.sharedBytes);
  const listMemory = streamMemory(device);
  const partMemory = streamMemory(device);
  /** Where the last launch of each stream has its lists. */
  const last = new Map<CudaStream, DevicePointer>();

  const kernelsOf = ({ heads, kvHeads }: ResolvedCall): OrderKernels => ({
    keyTile: keys,
    queryTile: { tileQ: kernel.tileQ, tileK: kernel.tileK, heads: kernel.packsHeads ? heads / kvHeads : 1 },
    valueDim: keys.valueDim,
    rest: rest !== undefined,
  });

  return {
    plan: (call, layout) => keyOrderOf(module, kernelsOf(call), call, layout, [0, 0], order, LIMITS),
    launch({ fields, slices, listsBytes, scratchBytes, valueDim }, { call, layout, aux, q, k, v, out, lse }, whole, stream) {
      const lists = listMemory.get(stream, listsBytes);
      const memory = partMemory.get(stream, scratchBytes);
      last.set(stream, lists);
      const all = wordBytes(keyOrderWords(fields));
      const make = (made: CudaFunction, blocks: number): void => {
        const parameters = [all, pointerBytes(aux), pointerBytes(lists)];
        device.launch(made, { blocks, threads: LIST_THREADS, sharedBytes: LIST_BYTES, parameters, stream });
      };
      const words = fields.totalHeads * fields.bitsRowStride;
      make(parts, fields.totalHeads);
      make(count, words);
      make(choose, 1);
      make(fill, words);
      whole(lists);
      const tiles = Math.ceil(call.nq / keys.tileQ);
      const uniforms = wordBytes(uniformWords(module, { call, aux: layout, tiles, writeLse: lse !== undefined }));
      const { threads, sharedBytes } = keys;
      for (const slice of slices) {
        const own = wordBytes(keyOrderWords({ ...fields, ...slice }));
        const heads = slice.sliceHeads * fields.group;
        const tensors = [q, k, v, aux].map(pointerBytes);
        const parameters = [uniforms, ...tensors, own, pointerBytes(lists), pointerBytes(memory)];
        if (rest !== undefined) device.launch(rest, { blocks: tiles * heads, threads, sharedBytes, parameters, stream });
        device.launch(chosen, { blocks: fields.mostTiles * slice.sliceHeads, threads, sharedBytes, parameters, stream });
        const vectors = valueDim / 4;
        device.launch(merge, {
          blocks: Math.ceil((heads * fields.rows * vectors) / LIST_THREADS),
          threads: LIST_THREADS,
          sharedBytes: 0,
          parameters: [own, wordBytes(Int32Array.of(vectors)), ...[lists, memory, out, lse ?? 0n].map(pointerBytes)],
          stream,
        });
      }
    },
    keysFirst(stream) {
      const lists = last.get(stream);
      if (lists === undefined) return false;
      device.synchronize(stream);
      const word = new Uint32Array(1);
      device.download(word, lists);
      return word[0] === 1;
    },
    free() {
      listMemory.free();
      partMemory.free();
      last.clear();
    },
  };
}
