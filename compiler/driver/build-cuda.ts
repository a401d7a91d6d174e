import { printBranchedHeader } from "../bindings/c/branched.js";
import { printHeader } from "../bindings/c/header.js";
import { cudaBranchedOperator, generateCudaTypeScript } from "../bindings/cuda-typescript.js";
import type { GeneratedFile } from "../bindings/generated-file.js";
import { pythonName } from "../bindings/torch/names.js";
import { printBranchedTorch } from "../bindings/torch/branched.js";
import { printTorch } from "../bindings/torch/operator.js";
import type { BranchedMask } from "../mask/branched.js";
import type { MaskModule } from "../mask/ir.js";
import { compileCuda, compileCudaBranched, cudaBranchedSource, cudaSource } from "./cuda-source.js";
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
export async function buildCudaFiles(
  modules: readonly MaskModule[],
  options: CudaBuildOptions,
  branched: readonly BranchedMask[] = [],
): Promise<readonly GeneratedFile[]> {
  const { version, source, targets, js } = options;
  const operators = modules.map((mask) => compileCuda(mask, options));
  const mixes = branched.map((mask) => compileCudaBranched(mask, options));
  const bound = [...operators, ...mixes.map(cudaBranchedOperator)];
  const bindings = targets.includes("cuda") ? await generateCudaTypeScript(bound, { version, source, js }) : [];
  return [
    ...bindings,
    ...operators.flatMap((operator) =>
      filesOf(operator.mask.name, options, {
        source: () => cudaSource(operator),
        header: () => printHeader(operator.mask, operator.launch),
        torch: (cuda) => printTorch(operator, { version, source, cuda }),
      }),
    ),
    ...mixes.flatMap((operator) =>
      filesOf(operator.launch.name, options, {
        source: () => cudaBranchedSource(operator),
        header: () => printBranchedHeader(operator),
        torch: (cuda) => printBranchedTorch(operator, { version, source, cuda }),
      }),
    ),
  ];
}

/** What an operator's files hold; `torch` is told the name of the `.cu`. */
interface Texts {
  readonly source: () => string;
  readonly header: () => string;
  readonly torch: (cuda: string) => string;
}

function filesOf(operator: string, { source, targets }: CudaBuildOptions, texts: Texts): readonly GeneratedFile[] {
  const stem = stemOf(source);
  const name = `${stem}.${operator}`;
  const files = [{ name: `${name}.cu`, text: texts.source() }];
  if (targets.includes("cuda")) files.push({ name: `${name}.h`, text: texts.header() });
  if (targets.includes("torch")) files.push({ name: `${pythonName(stem)}_${operator}.py`, text: texts.torch(`${name}.cu`) });
  return files;
}
