import type { MaskModule } from "../../mask/ir.js";
import { MASKED } from "../../program/ir.js";
import type { UniformField } from "../../../runtime/launch/module.js";
import { printUniforms } from "./dialect.js";
import { elementType } from "./family.js";
import type { Family, Instance } from "./family.js";
import { MEMORY } from "./memory.js";
import { indent, printPattern } from "./pattern.js";
import { PREPARE } from "./prepare.js";
import { printPrimitives } from "./primitives/index.js";

/** A kernel with the family that prints it. */
export interface FamilyInstance extends Instance {
  readonly family: Family;
}

/** The CUDA C++ of an operator, which needs nothing beside it: see the file's own first lines. */
export function printSource(module: MaskModule, fields: readonly UniformField[], instances: readonly FamilyInstance[]): string {
  const [first] = instances;
  if (first === undefined) throw new Error("a source without kernels");
  const families = [...new Set(instances.map(({ family }) => family))];
  const sections = new Set(families.flatMap(({ primitives }) => primitives));
  return [
    `// ${module.name} (${module.origin}): attention kernels in CUDA C++17, made by attnc.`,
    "// No header beside the toolkit's is needed; nvcc and NVRTC compile it as it is.",
    "",
    printPrimitives(["common", ...sections]),
    printUniforms(fields),
    "",
    `constexpr float MASKED = ${MASKED}f;`,
    printPattern(module, first.program.order),
    MEMORY.trim(),
    "",
    ...families.map((family) =>
      onlyWhereItRuns(family, [family.text.trim(), ...instances.filter((i) => i.family === family).map(printKernel)].join("\n\n")),
    ),
    PREPARE.trim(),
    "",
  ].join("\n");
}

/** Kernels for newer devices are left out where the source is compiled for an older one. */
function onlyWhereItRuns({ architecture, architectureOnly }: Family, text: string): string {
  if (architecture <= 75) return `${text}\n`;
  const level = architecture * 10;
  const runs = architectureOnly ? `__CUDA_ARCH__ == ${level}` : `__CUDA_ARCH__ >= ${level}`;
  return `#if !defined(__CUDA_ARCH__) || ${runs}\n${text}\n#endif\n`;
}

function printKernel({ family, ...instance }: FamilyInstance): string {
  const { schedule, problem, kernel } = instance;
  const T = elementType[problem.dtype];
  return `// ${kernel.name}: tiles of ${schedule.tileQ} queries and ${schedule.tileK} keys.
extern "C" __global__ void __launch_bounds__(${schedule.threads}, 1) ${kernel.symbol}(const Uniforms u, const ${T}* query, const ${T}* key, const ${T}* value, const unsigned int* aux, ${T}* output, float* lse${family.parameters}) {
${indent(family.body(instance))}
}`;
}
