import type { ResolvedCall } from "../launch/call.js";
import { AttnError } from "../launch/errors.js";
import { layoutAux, type AuxLayout, type InputExtent } from "../launch/input-layout.js";
import type { AttentionModule, InputSpec } from "../launch/module.js";
import { sourceWords } from "../launch/prepare/pass.js";
import { layoutFloats, type FloatLayout } from "../launch/selection/float-inputs.js";
import type { CudaDevice, DevicePointer } from "./device.js";
import { deviceRange, TENSOR_ALIGNMENT, type DeviceRange, type DeviceRef } from "./pointers.js";
import type { InputPointers } from "./prepare.js";

/**
 * An input of 32-bit words in the device's memory, with its shape: that of the words, so bits count in packed words; floats
 * are float32.
 * The number of words alone will do where it tells the shape.
 */
export type CudaInput =
  { readonly pointer: bigint; readonly shape: readonly number[] } | { readonly pointer: bigint; readonly elements: number };

/** A `csr` input: `offsets` are positions in the whole of `indices`. */
export interface CsrPointers {
  readonly offsets: CudaInput;
  readonly indices: CudaInput;
}

/** Inputs by their names in the declaration. */
export type CudaInputs = Readonly<Record<string, CudaInput | CsrPointers | undefined>>;

/** Where the inputs of a launch are, and where they go in the aux words. */
export interface LocatedInputs {
  readonly layout: AuxLayout;
  readonly pointers: ReadonlyMap<string, InputPointers>;
  /** Inputs of floats, in the order of the module; of one without elements the pointer is 0. */
  readonly floats: readonly { readonly layout: FloatLayout; readonly pointer: DevicePointer }[];
  /** What they occupy, by name. */
  readonly ranges: Readonly<Record<string, DeviceRange>>;
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;

/** Where an input is, and what the caller says of its size. Throws ATTN5212. */
export function shapedInput(field: string, given: CudaInput | undefined): { readonly ref: DeviceRef; readonly extent: InputExtent } {
  const { pointer, shape, elements } = (given ?? {}) as { pointer: DeviceRef; shape?: unknown; elements?: unknown };
  if (Array.isArray(shape) && shape.every(isCount)) {
    return { ref: pointer, extent: { elements: shape.reduce((a, b) => a * b, 1), shape } };
  }
  if (shape === undefined && isCount(elements)) return { ref: pointer, extent: { elements } };
  throw new AttnError("ATTN5212", {
    field,
    expected: "{ pointer, shape }, with the shape as an array of whole numbers",
    found: given === undefined ? "nothing" : shape === undefined ? "no shape" : `the shape ${String(shape)}`,
    remedy: "Pass the address of 32-bit words and their shape.",
  });
}

/** What the caller said of one input: of the words, and for csr of the indices. */
function described(spec: InputSpec, given: CudaInput | CsrPointers | undefined) {
  if (spec.kind !== "csr") return { words: shapedInput(spec.name, given as CudaInput), indices: undefined };
  const { offsets, indices } = (given ?? {}) as Partial<CsrPointers>;
  return { words: shapedInput(`${spec.name}.offsets`, offsets), indices: shapedInput(`${spec.name}.indices`, indices) };
}

/** Lays out the inputs of a launch and checks where they are. Throws ATTN5206, ATTN5208, ATTN5212 and ATTN5307. */
export function locateInputs(device: CudaDevice, module: AttentionModule, call: ResolvedCall, inputs: CudaInputs): LocatedInputs {
  const given = new Map(module.inputs.map((spec) => [spec.name, described(spec, inputs[spec.name])]));
  const layout = layoutAux(module, call, new Map([...given].map(([name, { words }]) => [name, words.extent])));
  const pointers = new Map<string, InputPointers>();
  const ranges: Record<string, DeviceRange> = {};
  const locate = (field: string, ref: DeviceRef, words: number): bigint => {
    // The pointer of an empty list need not point to anything.
    if (words === 0) return 0n;
    const range = deviceRange(field, ref, words * 4, TENSOR_ALIGNMENT, `${words} words of 4 bytes`, device);
    ranges[field] = range;
    return range.pointer;
  };
  for (const input of layout.inputs) {
    const { name } = input.spec;
    const { words, indices } = given.get(name)!;
    const pointer = locate(name, words.ref, sourceWords(input));
    if (indices === undefined) pointers.set(name, { words: pointer });
    else {
      const count = indices.extent.elements;
      pointers.set(name, { words: pointer, indices: { pointer: locate(`${name}.indices`, indices.ref, count), count } });
    }
  }
  const floats = (module.selection?.floatInputs ?? []).map((spec) => {
    const { ref, extent } = shapedInput(spec.name, inputs[spec.name] as CudaInput);
    const floatLayout = layoutFloats(module, spec, call, extent);
    return { layout: floatLayout, pointer: locate(spec.name, ref, floatLayout.elements) };
  });
  return { layout, pointers, floats, ranges };
}
