import { layoutTokens } from "../../../mask/layout/places.js";
import type { FloatInput, Layout, MaskModule } from "../../../mask/ir.js";
import type { Int, SelectionProgram, Stage } from "../../../select/ir.js";
import { lowerSelections } from "../../../select/lower.js";
import { walkReals } from "../../../select/walk.js";
import { printInt } from "../../print/expressions.js";
import { uniformName } from "../../print/names.js";
import { selectionUniforms } from "../../print/select-uniforms.js";
import { Sizes } from "../../print/select-sizes.js";
import { StatementText } from "../../print/statement-text.js";
import { printStays } from "../../print/take-apart.js";
import { symbolStem } from "../../../../runtime/cuda/module.js";
import type { CudaDtype, CudaStage } from "../../../../runtime/cuda/module.js";
import type { UniformField } from "../../../../runtime/launch/module.js";
import { printUniforms } from "../dialect.js";
import { elementType } from "../family.js";
import { printHelpers } from "../helpers.js";
import { indent } from "../../print/indent.js";
import { cppKernel } from "./dialect.js";
import { printPairs, printSnap } from "./bits.js";
import { printDot } from "./dot.js";
import { printKeep } from "./keep.js";
import { KEEPER } from "./keeper.js";
import { printFlag, printMap, printRemember } from "./map.js";
import { MULTIPLY_TILE } from "./multiply-tile.js";
import { SCORE_NUMBERS } from "./numbers.js";
import { printSort } from "./sort.js";
import { SHARED_LOOP } from "./shared-loop.js";
import { valuesFor } from "./stage.js";
import type { StageText } from "./stage.js";

/** The kernels of a selection program, and what a launcher computes for them. */
export interface CudaSelection {
  readonly program: SelectionProgram;
  readonly source: string;
  readonly kernels: readonly CudaStage[];
  readonly uniforms: readonly UniformField[];
  /** Numbers of the launch, by index. */
  readonly sizes: readonly Int[];
  /** Of each matrix and of the scratch buffer: indices of sizes. */
  readonly matrices: readonly { readonly rows: number; readonly columns: number }[];
  readonly scratch: number;
}

interface PrintedStage {
  readonly stage: Stage;
  readonly text: StageText;
  readonly spec: CudaStage;
}

/** The selection kernels of a module in CUDA C++; undefined where its mask learns nothing from the tensors of a call. */
export function cudaSelection(module: MaskModule, dtypes: readonly CudaDtype[]): CudaSelection | undefined {
  const program = lowerSelections(module);
  return program === undefined ? undefined : printSelection(program, dtypes);
}

/** Prints each stage as one kernel, or as one for each of the dtypes where it reads queries or keys. */
export function printSelection(program: SelectionProgram, dtypes: readonly CudaDtype[]): CudaSelection {
  const { module } = program;
  const sizes = new Sizes();
  const printed = program.stages.map((stage, i): PrintedStage => {
    const text = unlessAll(stage, printStage(stage, sizes), sizes);
    const spec: CudaStage = {
      name: stage.name,
      symbol: `${symbolStem(module.name)}_select_${i}`,
      typed: readsTensors(stage),
      threads: text.threads,
      sharedBytes: text.sharedBytes,
      blocks: sizes.index(text.blocks),
      serves: stage.serves,
      ...(stage.strips === undefined ? {} : { strips: stage.strips }),
    };
    return { stage, text, spec };
  });
  const matrices = program.matrices.map(({ bits }) => ({ rows: sizes.index(bits.rows), columns: sizes.index(bits.columns) }));
  const scratch = sizes.index(program.scratch);
  const uniforms = selectionUniforms(program, sizes);
  const source = printStages(module, printed, uniforms, dtypes);
  return { program, source, kernels: printed.map(({ spec }) => spec), uniforms, sizes: sizes.all, matrices, scratch };
}

function printStage(stage: Stage, sizes: Sizes): StageText {
  switch (stage.kind) {
    case "map":
      return printMap(stage, sizes);
    case "dot":
      return printDot(stage, sizes);
    case "keep":
      return printKeep(stage, sizes);
    case "pairs":
      return printPairs(stage, sizes);
    case "snap":
      return printSnap(stage, sizes);
    case "sort":
      return printSort(stage, sizes);
    case "flag":
      return printFlag(stage, sizes);
    case "words":
      return printRemember(stage, sizes);
  }
}

/** A block leaves at once where all that the stage serves stays as it is. */
function unlessAll({ unless }: Stage, kernel: StageText, sizes: Sizes): StageText {
  if (unless === undefined) return kernel;
  const text = new StatementText();
  text.block("", () => {
    printStays(cppKernel, text, valuesFor(text, sizes), unless);
    text.line("if (stays) return;");
  });
  return { ...kernel, run: `${text.toString()}\n${kernel.run}` };
}

function readsTensors(stage: Stage): boolean {
  let reads = false;
  walkReals(stage, ({ kind }) => (reads ||= kind === "query" || kind === "key"));
  return reads;
}

function printStages(
  module: MaskModule,
  printed: readonly PrintedStage[],
  uniforms: readonly UniformField[],
  dtypes: readonly CudaDtype[],
): string {
  const stages = printed.map((each, i) => printStruct(each, i));
  const members = stages.join("\n");
  const kinds = new Set(printed.map(({ stage }) => stage.kind));
  const floats = module.floatInputs ?? [];
  return [
    "// What is computed from the tensors of a call before the attention: each stage is a kernel.",
    printUniforms(uniforms, "SelectionUniforms"),
    "",
    printBase(module, floats, members),
    "",
    ...(members.includes("SharedLoop") ? [SHARED_LOOP.trim(), ""] : []),
    ...(kinds.has("dot") ? [MULTIPLY_TILE.trim(), ""] : []),
    ...(kinds.has("keep") || kinds.has("sort") ? [SCORE_NUMBERS.trim(), ""] : []),
    ...(kinds.has("keep") ? [KEEPER.trim(), ""] : []),
    ...printed.flatMap((each, i) => [stages[i]!, printKernels(each, i, floats, dtypes)]),
  ].join("\n");
}

/** What all stages have: the launch's numbers, memory, inputs, and functions of them. */
function printBase(module: MaskModule, floats: readonly FloatInput[], text: string): string {
  const asksTokens = module.layout !== undefined && text.includes("token_at(");
  const functions = [
    ...(asksTokens ? [tokenFunction(module.layout)] : []),
    ...(text.includes("scratch_bit(") ? [SCRATCH_BIT] : []),
    ...floats.filter(({ name }) => text.includes(`input_${name}(`)).map(inputFunction),
    printHelpers(
      module,
      text +
        (asksTokens
          ? layoutTokens(module.layout)
              .map((token) => printInt(token, cppKernel))
              .join()
          : ""),
    ),
  ].filter((each) => each !== "");
  return `struct Selection {
  const SelectionUniforms& u;
  unsigned int* aux;
  unsigned int* scratch;
${floats.map(({ name }) => `  const float* floats_${name};\n`).join("")}${functions.map((each) => `\n${indent(each)}\n`).join("")}};`;
}

/** The position of the token at a place. */
const tokenFunction = ({ tokens }: Layout): string =>
  `__device__ __forceinline__ int token_at([[maybe_unused]] int b, int k) const {\n  return ${printInt(tokens.k!, cppKernel)};\n}`;

const SCRATCH_BIT = `__device__ __forceinline__ bool scratch_bit(int row, int column) const {
  return (scratch[row + (column >> 5)] >> (column & 31) & 1u) != 0u;
}`;

/** An input has as many heads as the query heads, the kv heads, or one. */
function inputFunction({ name }: FloatInput): string {
  const field = (of: string): string => `u.${uniformName(name, "input", of)}`;
  return `__device__ __forceinline__ float input_${name}(int b, int h, int i) const {
  return floats_${name}[b * ${field("batchStride")} + h * ${field("headCount")} / u.heads * ${field("headStride")} + i];
}`;
}

const TENSORS = `const T* query;
const T* key;

__device__ __forceinline__ float query_at(int b, int head, int row, int dim) const {
  return to_float(query[((static_cast<long long>(b) * u.heads + head) * u.queries + row) * u.headDim + dim]);
}
__device__ __forceinline__ float key_at(int b, int head, int row, int dim) const {
  return to_float(key[((static_cast<long long>(b) * u.kv_heads + head) * u.keys + row) * u.headDim + dim]);
}`;

function printStruct({ spec, text }: PrintedStage, i: number): string {
  const name = `Stage${i}`;
  const members = [
    ...(spec.typed ? [TENSORS] : []),
    `using Self = ${name};`,
    ...text.members,
    `__device__ __forceinline__ void run(int group, int lane, [[maybe_unused]] unsigned char* shared) const {\n${text.run}\n}`,
  ];
  return `// ${spec.name}
${spec.typed ? "template <class T>\n" : ""}struct ${name} : Selection {
${indent(members.join("\n\n"))}
};
`;
}

function printKernels({ spec }: PrintedStage, i: number, floats: readonly FloatInput[], dtypes: readonly CudaDtype[]): string {
  const inputs = floats.map(({ name }) => `floats_${name}`);
  const kernel = (symbol: string, type: string, stage: string, tensors: string): string =>
    `extern "C" __global__ void __launch_bounds__(${spec.threads}, 1) ${symbol}(${[
      "const SelectionUniforms u",
      `const ${type}* query`,
      `const ${type}* key`,
      "unsigned int* aux",
      "unsigned int* scratch",
      ...inputs.map((name) => `const float* ${name}`),
    ].join(", ")}) {
  extern __shared__ __align__(1024) unsigned char shared_memory[];
  const ${stage} stage{{${["u", "aux", "scratch", ...inputs].join(", ")}}${tensors}};
  stage.run(blockIdx.x, threadIdx.x, shared_memory);
}
`;
  if (!spec.typed) return kernel(spec.symbol, "void", `Stage${i}`, "");
  return dtypes
    .map((dtype) => kernel(`${spec.symbol}_${dtype}`, elementType[dtype], `Stage${i}<${elementType[dtype]}>`, ", query, key"))
    .join("\n");
}
