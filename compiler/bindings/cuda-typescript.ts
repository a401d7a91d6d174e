import type { CompiledCudaOperator } from "./c/operator.js";
import { addCudaBranched, addCudaBranchedManifest, type CudaBranchedOperator } from "./cuda-branched.js";
import { addCudaManifest, addCudaOperator } from "./cuda-operator.js";
export { cudaBranchedOperator } from "./cuda-branched.js";
import { generateBindings, type BindingKind, type BindingOptions, type GeneratedFile } from "./generated-file.js";
import { CUDA_RUNTIME_NAMES, usedRuntimeNames } from "./runtime-names.js";

type Operator = CompiledCudaOperator | CudaBranchedOperator;

const cuda: BindingKind<Operator> = {
  ending: ".cuda",
  runtimeNames: CUDA_RUNTIME_NAMES,
  addOperator: (file, operator, names) =>
    ("branched" in operator ? addCudaBranched : addCudaOperator)(file, operator as CudaBranchedOperator, names),
  addManifest: (file, operator, names) =>
    ("branched" in operator ? addCudaBranchedManifest : addCudaManifest)(file, operator as CudaBranchedOperator, names),
  addRuntime: (file) =>
    void file.addImportDeclaration({ moduleSpecifier: "attnc/cuda", namedImports: usedRuntimeNames(file, CUDA_RUNTIME_NAMES) }),
};

/** The bindings for CUDA on Node of the attention declarations of one `.attn` file: `NAME.attn.cuda.ts`, or `.js` and `.d.ts`. */
export function generateCudaTypeScript(operators: readonly Operator[], options: BindingOptions): Promise<readonly GeneratedFile[]> {
  return generateBindings(cuda, operators, options);
}
