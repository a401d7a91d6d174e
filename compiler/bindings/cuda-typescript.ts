import type { CompiledCudaOperator } from "./c/operator.js";
import { addCudaManifest, addCudaOperator } from "./cuda-operator.js";
import { generateBindings, type BindingKind, type BindingOptions, type GeneratedFile } from "./generated-file.js";
import { CUDA_RUNTIME_NAMES, usedRuntimeNames } from "./runtime-names.js";

const cuda: BindingKind<CompiledCudaOperator> = {
  ending: ".cuda",
  runtimeNames: CUDA_RUNTIME_NAMES,
  addOperator: addCudaOperator,
  addManifest: addCudaManifest,
  addRuntime: (file) =>
    void file.addImportDeclaration({ moduleSpecifier: "attnc/cuda", namedImports: usedRuntimeNames(file, CUDA_RUNTIME_NAMES) }),
};

/** The bindings for CUDA on Node of the attention declarations of one `.attn` file: `NAME.attn.cuda.ts`, or `.js` and `.d.ts`. */
export function generateCudaTypeScript(
  operators: readonly CompiledCudaOperator[],
  options: BindingOptions,
): Promise<readonly GeneratedFile[]> {
  return generateBindings(cuda, operators, options);
}
