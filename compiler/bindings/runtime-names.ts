import { SyntaxKind, type ImportSpecifierStructure, type OptionalKind, type SourceFile } from "ts-morph";

/** What generated files use of the runtime; `local` where they call it otherwise. */
export interface RuntimeName {
  readonly name: string;
  readonly local: string;
  readonly isType: boolean;
}

const value = (name: string, local: string = name): RuntimeName => ({ name, local, isType: false });
const type = (name: string): RuntimeName => ({ name, local: name, isType: true });

/** What bindings for WebGPU import of `attnc/runtime`. */
export const RUNTIME_NAMES: readonly RuntimeName[] = [
  value("createAttention"),
  value("createBranchedAttention"),
  value("branchedRequirements"),
  // The generated file exports a function of the runtime's name.
  value("requirements", "requirementsOf"),
  value("tuneAttention"),
  type("AttentionModule"),
  type("AttentionOptions"),
  type("BranchedModule"),
  type("BranchedOptions"),
  type("BufferRef"),
  type("CsrArrays"),
  type("CsrBuffers"),
  type("InputArray"),
  type("InputBuffer"),
  type("Requirements"),
  type("ReuseBuffer"),
  type("SelectedBits"),
  type("TuneOptions"),
  type("TuneResult"),
];

/** What bindings for CUDA import of `attnc/cuda`. */
export const CUDA_RUNTIME_NAMES: readonly RuntimeName[] = [
  value("createCudaAttention"),
  value("createCudaBranchedAttention"),
  value("cudaBranchedRequirements"),
  value("cudaRequirements"),
  type("CsrArrays"),
  type("CsrPointers"),
  type("CudaBranchedModule"),
  type("CudaDevice"),
  type("CudaInput"),
  type("CudaKernel"),
  type("CudaModule"),
  type("CudaOptions"),
  type("CudaRequirements"),
  type("CudaReuse"),
  type("CudaStream"),
  type("DeviceRef"),
  type("InputArray"),
  type("SelectedBits"),
];

/**
 * Names that no generated declaration may have, as the file or the runtime in it means something else
 * by them: what the language or the platform calls so.
 */
export const RESERVED: readonly string[] = [
  ...["requirements", "AttnError", "packBits", "selectedBits", "selectedUnits"],
  ...[
    "AbortSignal",
    "Array",
    "ArrayBuffer",
    "ArrayBufferView",
    "ArrayLike",
    "BigInt",
    "BigInt64Array",
    "BigUint64Array",
    "Boolean",
    "DataView",
    "Date",
    "Error",
    "Exclude",
    "Extract",
  ],
  ...["Float32Array", "Float64Array", "Function", "Infinity", "Int32Array", "Iterable", "Map", "Math", "NaN", "Number", "Object", "Omit"],
  ...[
    "Parameters",
    "Partial",
    "Pick",
    "Promise",
    "Proxy",
    "RangeError",
    "Readonly",
    "ReadonlyMap",
    "ReadonlySet",
    "Record",
    "Reflect",
    "RegExp",
  ],
  ...["Required", "ReturnType", "Set", "String", "Symbol", "TypeError", "Uint16Array", "Uint32Array", "Uint8Array", "WeakMap", "WeakSet"],
];

/** The import specifiers for what a file mentions of these names. */
export function usedRuntimeNames(file: SourceFile, all: readonly RuntimeName[]): OptionalKind<ImportSpecifierStructure>[] {
  const mentioned = new Set(file.getDescendantsOfKind(SyntaxKind.Identifier).map((identifier) => identifier.getText()));
  return all
    .filter(({ local }) => mentioned.has(local))
    .map(({ name, local, isType }) => ({
      name,
      isTypeOnly: isType,
      ...(local === name ? {} : { alias: local }),
    }));
}
