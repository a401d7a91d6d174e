import type { InputLayout } from "../launch/input-layout.js";
import { keyListParams, type KeyListLayout } from "../launch/key-lists.js";
import type { AttentionModule, InputSpec } from "../launch/module.js";
import { clearedWords, passParams, PREPARE_THREADS } from "../launch/prepare/pass.js";
import type { CudaDevice, CudaFunction, CudaProgram, CudaStream, DevicePointer } from "./device.js";
import { symbolStem } from "./module.js";
import { pointerBytes, wordBytes } from "./parameters.js";

/** What the kernels that a source has to convert inputs are called, by the kinds of inputs. */
const KERNELS: Readonly<Record<InputSpec["kind"] | "key list", string>> = {
  ids: "ids",
  bits: "words",
  blocks: "words",
  columns: "lists",
  diagonals: "lists",
  csr: "csr",
  "key list": "key_lists",
};

/** Words of the struct that each of them takes first. */
const PARAMETER_WORDS = 8;

export type PrepareKernels = ReadonlyMap<InputSpec["kind"] | "key list", CudaFunction>;

/** The kernels that convert the inputs of a module. Throws ATTN5303 where the source has them not. */
export function prepareKernels(program: CudaProgram, { name, inputs, lists }: AttentionModule): PrepareKernels {
  const kinds = new Set<keyof typeof KERNELS>(inputs.map(({ kind }) => kind));
  if (lists !== undefined) kinds.add("key list");
  return new Map(
    [...kinds].map((kind) => [
      kind,
      program.function(`${symbolStem(name)}_prepare_${KERNELS[kind]}`, kind === "key list" ? LIST_BYTES : 0),
    ]),
  );
}

/** Threads of a block that makes a list, and the shared memory for their sums. */
const LIST_THREADS = 256;
const LIST_BYTES = 4 * LIST_THREADS;

/** Makes a list of its bits, which are among the aux words by then. */
export function prepareKeyList(
  device: CudaDevice,
  kernels: PrepareKernels,
  aux: DevicePointer,
  layout: KeyListLayout,
  stream: CudaStream,
): void {
  const words = new Int32Array(PARAMETER_WORDS);
  words.set(keyListParams(layout));
  const nothing = pointerBytes(0n);
  device.launch(kernels.get("key list")!, {
    blocks: words[0]!,
    threads: LIST_THREADS,
    sharedBytes: LIST_BYTES,
    parameters: [wordBytes(words), nothing, pointerBytes(aux), nothing],
    stream,
  });
}

/** An input in the device's memory. */
export interface InputPointers {
  readonly words: DevicePointer;
  /** For csr. */
  readonly indices?: { readonly pointer: DevicePointer; readonly count: number } | undefined;
}

/** Converts one input into its place in the aux words. `keys` is the N of the call. Lists without entries only clear their rows. */
export function prepareInput(
  device: CudaDevice,
  kernels: PrepareKernels,
  aux: DevicePointer,
  layout: InputLayout,
  input: InputPointers,
  keys: number,
  stream: CudaStream,
): void {
  const base = aux + BigInt(layout.fields.base) * 4n;
  device.clear(base, clearedWords(layout) * 4, stream);
  const params = passParams(layout, keys, input.indices?.count ?? 0);
  if (params[0] === 0 || input.indices?.count === 0) return;
  const words = new Int32Array(PARAMETER_WORDS);
  words.set(params);
  const indices = input.indices?.pointer ?? 0n;
  device.launch(kernels.get(layout.spec.kind)!, {
    blocks: Math.ceil(params[0]! / PREPARE_THREADS),
    threads: PREPARE_THREADS,
    sharedBytes: 0,
    parameters: [wordBytes(words), pointerBytes(input.words), pointerBytes(aux), pointerBytes(indices)],
    stream,
  });
}
