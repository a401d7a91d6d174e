import type { BranchedMask } from "../../mask/branched.js";
import type { MaskModule } from "../../mask/ir.js";
import { gatheredLists } from "../../tiles/walks.js";
import { MASKED } from "../../program/ir.js";
import { symbolStem } from "../../../runtime/cuda/module.js";
import type { UniformField } from "../../../runtime/launch/module.js";
import { printUniforms } from "./dialect.js";
import { elementType, guardOf } from "./family.js";
import type { Family, FamilyInstance } from "./family.js";
import { MEMORY } from "./memory.js";
import { indent } from "../print/indent.js";
import { printKeyOrder } from "./key-order/source.js";
import { printPattern } from "./pattern.js";
import { PREPARE_STRUCT, printPrepare } from "./prepare.js";
import { printPrimitives } from "./primitives/index.js";
import type { CudaSelection } from "./select/source.js";

/** The text of one operator's kernels, and what it takes of the primitives. */
export interface OperatorText {
  readonly module: MaskModule;
  readonly text: string;
  readonly primitives: readonly ("sm80" | "sm90")[];
  readonly widths: readonly number[];
}

/** What is an operator's own in a source: {@link printSource} puts what all share before it. */
export function printOperator(
  module: MaskModule,
  fields: readonly UniformField[],
  instances: readonly FamilyInstance[],
  selection?: CudaSelection,
): OperatorText {
  const [first] = instances;
  if (first === undefined) throw new Error("a source without kernels");
  const families = [...new Set(instances.map(({ family }) => family))];
  const turns = instances.some(({ keys }) => keys !== undefined);
  const text = [
    printUniforms(fields),
    "",
    printPattern(module, first.program.order),
    ...families.flatMap((family) => [
      whereItRuns(family),
      family.text.trim(),
      "",
      ...instances.filter((each) => each.family === family).map((each) => printKernel(each, turns)),
    ]),
    ...(turns ? [printKeyOrder(module, instances)] : []),
    ...(selection === undefined ? [] : [selection.source]),
    printPrepare(module.name, gatheredLists(module).length > 0, selection !== undefined).trim(),
    "",
  ].join("\n");
  return {
    module,
    text,
    primitives: families.flatMap(({ primitives }) => primitives),
    widths: instances.flatMap(({ family, ...instance }) => family.productWidths?.(instance) ?? []),
  };
}

/** The CUDA C++ of an operator, which needs nothing beside it: see the file's own first lines. */
export const printSource = (operator: OperatorText): string => `${printHead(operator.module, [operator])}${operator.text}`;

/** As {@link printSource}, of an attention with branches: an operator for each, in a namespace of its own, and what mixes their outputs. */
export function printBranchedSource(mask: Pick<BranchedMask, "name" | "origin">, branches: readonly OperatorText[], mix: string): string {
  const spaces = branches.map(({ module, text }) => {
    const space = symbolStem(module.name);
    return `namespace ${space} {\n${text}}  // namespace ${space}\n\n`;
  });
  return `${printHead(mask, branches)}${spaces.join("")}${mix}`;
}

function printHead({ name, origin }: { readonly name: string; readonly origin: string }, operators: readonly OperatorText[]): string {
  const widths = new Set(operators.flatMap((operator) => operator.widths));
  return [
    `// ${name} (${origin}): attention kernels in CUDA C++17, made by attnc.`,
    "// No header beside the toolkit's is needed; nvcc and NVRTC compile it as it is.",
    "",
    printPrimitives(
      ["common", ...new Set(operators.flatMap(({ primitives }) => primitives))],
      [...widths].sort((a, b) => a - b),
    ),
    `constexpr float MASKED = ${MASKED}f;`,
    "",
    MEMORY.trim(),
    "",
    PREPARE_STRUCT,
    "",
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

/** Where an operator has kernels of key order too, its others leave at once if the word behind the tensors says that keys go first. */
function printKernel({ family, ...instance }: FamilyInstance, turns: boolean): string {
  const { schedule, problem, kernel } = instance;
  const T = elementType[problem.dtype];
  const guard = guardOf(family);
  return `// ${kernel.name}: tiles of ${schedule.tileQ} queries and ${schedule.tileK} keys.
extern "C" __global__ void __launch_bounds__(${guard} ? ${schedule.threads} : 32, 1) ${kernel.symbol}(const Uniforms u, const ${T}* query, const ${T}* key, const ${T}* value, const unsigned int* aux, ${T}* output, float* lse${turns ? ", const unsigned int* keys_first" : ""}${family.parameters}) {
#if ${guard}
${turns ? "  if (keys_first != nullptr && *keys_first != 0u) return;\n" : ""}${indent(family.body(instance))}
#endif
}
`;
}
