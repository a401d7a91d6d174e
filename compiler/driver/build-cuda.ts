import { printHeader } from "../bindings/c/header.js";
import type { CompiledCudaOperator } from "../bindings/c/operator.js";
import { generateCudaTypeScript } from "../bindings/cuda-typescript.js";
import type { GeneratedFile } from "../bindings/generated-file.js";
import { pythonName } from "../bindings/torch/names.js";
import { printTorch } from "../bindings/torch/operator.js";
import type { MaskModule } from "../mask/ir.js";
import { compileCuda, cudaSource } from "./cuda-source.js";
import type { CudaChoice } from "./cuda-source.js";
import { stemOf } from "./file-names.js";

export interface CudaBuildOptions extends CudaChoice {
  readonly version: string;
  /** The `.attn` file as the user called it. */
  readonly source: string;
  /** What is made beside the sources: headers and bindings for Node, operators of PyTorch, or both. */
  readonly targets: readonly ("cuda" | "torch")[];
  readonly js?: boolean | undefined;
}

/** Everything that `attnc build --target cuda,torch` writes for one file. */
export async function buildCudaFiles(modules: readonly MaskModule[], options: CudaBuildOptions): Promise<readonly GeneratedFile[]> {
  const { version, source, targets, js } = options;
  const operators = modules.map((mask) => compileCuda(mask, options));
  const bindings = targets.includes("cuda") ? await generateCudaTypeScript(operators, { version, source, js }) : [];
  return [...bindings, ...operators.flatMap((operator) => filesOf(operator, options))];
}

function filesOf(operator: CompiledCudaOperator, { version, source, targets }: CudaBuildOptions): readonly GeneratedFile[] {
  const { mask, launch } = operator;
  const stem = stemOf(source);
  const name = `${stem}.${mask.name}`;
  const files = [{ name: `${name}.cu`, text: cudaSource(operator) }];
  if (targets.includes("cuda")) files.push({ name: `${name}.h`, text: printHeader(mask, launch) });
  if (targets.includes("torch"))
    files.push({ name: `${pythonName(stem)}_${mask.name}.py`, text: printTorch(operator, { version, source, cuda: `${name}.cu` }) });
  return files;
}
