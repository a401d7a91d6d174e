import type { MaskModule } from "../../mask/ir.js";
import { gatheredLists } from "../../tiles/walks.js";
import { MASKED } from "../../program/ir.js";
import type { UniformField } from "../../../runtime/launch/module.js";
import { printUniforms } from "./dialect.js";
import { elementType } from "./family.js";
import type { Family, Instance } from "./family.js";
import { MEMORY } from "./memory.js";
import { indent } from "../print/indent.js";
import { printPattern } from "./pattern.js";
import { printPrepare } from "./prepare.js";
import { printPrimitives } from "./primitives/index.js";
import type { CudaSelection } from "./select/source.js";

/** A kernel with the family that prints it. */
export interface FamilyInstance extends Instance {
  readonly family: Family;
}

/** The CUDA C++ of an operator, which needs nothing beside it: see the file's own first lines. */
export function printSource(
  module: MaskModule,
  fields: readonly UniformField[],
  instances: readonly FamilyInstance[],
  selection?: CudaSelection,
): string {
  const [first] = instances;
  if (first === undefined) throw new Error("a source without kernels");
  const families = [...new Set(instances.map(({ family }) => family))];
  const sections = new Set(families.flatMap(({ primitives }) => primitives));
  const widths = new Set(instances.flatMap(({ family, ...instance }) => family.productWidths?.(instance) ?? []));
  return [
    `// ${module.name} (${module.origin}): attention kernels in CUDA C++17, made by attnc.`,
    "// No header beside the toolkit's is needed; nvcc and NVRTC compile it as it is.",
    "",
    printPrimitives(
      ["common", ...sections],
      [...widths].sort((a, b) => a - b),
    ),
    printUniforms(fields),
    "",
    `constexpr float MASKED = ${MASKED}f;`,
    printPattern(module, first.program.order),
    MEMORY.trim(),
    "",
    ...families.flatMap((family) => [
      whereItRuns(family),
      family.text.trim(),
      "",
      ...instances.filter((each) => each.family === family).map(printKernel),
    ]),
    ...(selection === undefined ? [] : [selection.source]),
    printPrepare(module.name, gatheredLists(module).length > 0, selection !== undefined).trim(),
    "",
  ].join("\n");
}

/**
 * Where a source is compiled for an older device, the kernels of a newer family are there but empty, and
 * bounded to a single warp: a launcher sees by that bound that they cannot be used.
 */
function whereItRuns(family: Family): string {
  const { architecture, architectureOnly } = family;
  const runs = architectureOnly
    ? `defined(__CUDA_ARCH_FEAT_SM${architecture}_ALL) || defined(ATTNC_PRIMITIVES)`
    : `__CUDA_ARCH__ >= ${architecture * 10}`;
  return `// Whether the device that this is compiled for has what the ${family.name} kernels need.
#if !defined(__CUDA_ARCH__) || ${runs}
#define ${guardOf(family)} 1
#else
#define ${guardOf(family)} 0
#endif
`;
}

const guardOf = ({ name }: Family): string => `ATTNC_HAS_${name.toUpperCase()}`;

function printKernel({ family, ...instance }: FamilyInstance): string {
  const { schedule, problem, kernel } = instance;
  const T = elementType[problem.dtype];
  const guard = guardOf(family);
  return `// ${kernel.name}: tiles of ${schedule.tileQ} queries and ${schedule.tileK} keys.
extern "C" __global__ void __launch_bounds__(${guard} ? ${schedule.threads} : 32, 1) ${kernel.symbol}(const Uniforms u, const ${T}* query, const ${T}* key, const ${T}* value, const unsigned int* aux, ${T}* output, float* lse${family.parameters}) {
#if ${guard}
${indent(family.body(instance))}
#endif
}
`;
}
