import type { FloatInput, MaskModule } from "../../mask/ir.js";
import { lowerSelections } from "../../select/lower.js";
import type { Int, SelectionProgram, Stage } from "../../select/ir.js";
import { walkReals } from "../../select/walk.js";
import { printInt } from "../print/expressions.js";
import { uniformName } from "../print/names.js";
import { Sizes } from "../print/select-sizes.js";
import { selectionUniforms } from "../print/select-uniforms.js";
import type { SelectionStage, UniformField } from "../../../runtime/launch/module.js";
import { printUniforms } from "./dialect.js";
import { printHelpers } from "./helpers.js";
import { printFlag, printPairs, printRemember, printSnap } from "./select-bits.js";
import { printDot } from "./select-dot.js";
import { printKeep } from "./select-keep.js";
import { printKeepFew, unlessFew } from "./select-keep-few.js";
import { printMap } from "./select-map.js";
import { printSort } from "./select-sort.js";
import { wgslKernel } from "./select-text.js";
import { printStays } from "../print/take-apart.js";
import { SelectValues } from "../print/select-values.js";
import { KernelText } from "./text.js";
import type { StageText } from "./select-text.js";

/** The kernels of a selection program, and what a launcher computes for them. */
export interface SelectionKernels {
  readonly program: SelectionProgram;
  readonly stages: readonly SelectionStage[];
  /** Of each kernel the stage of the program that it runs, for some sizes or for all. */
  readonly stagesOf: readonly Stage[];
  readonly uniforms: readonly UniformField[];
  /** Numbers of the launch, by index. */
  readonly sizes: readonly Int[];
  /** Of each matrix and of the scratch buffer: indices of sizes. */
  readonly matrices: readonly { readonly rows: number; readonly columns: number }[];
  readonly scratch: number;
}

/** The selection kernels of a module in WGSL; undefined where its mask learns nothing from the tensors of a call. */
export function wgslSelection(module: MaskModule): SelectionKernels | undefined {
  const program = lowerSelections(module);
  return program === undefined ? undefined : printSelection(program);
}

/** Prints each stage as one compute shader. */
export function printSelection(program: SelectionProgram): SelectionKernels {
  const sizes = new Sizes();
  const printed = program.stages.flatMap((stage) =>
    printStage(stage, sizes).map((text) => ({ stage, text: unlessAll(stage, text, sizes), inputs: inputsOf(stage) })),
  );
  const groups = printed.map(({ text }) => sizes.index(text.workgroups));
  const matrices = program.matrices.map(({ bits }) => ({ rows: sizes.index(bits.rows), columns: sizes.index(bits.columns) }));
  const scratch = sizes.index(program.scratch);
  const uniforms = selectionUniforms(program, sizes);
  const stages = printed.map(({ stage, text, inputs }, i): SelectionStage => ({
    name: stage.name,
    wgsl: shader(program.module, stage, text, inputs, uniforms),
    workgroups: groups[i]!,
    floatInputs: inputs.map(({ name }) => name),
    serves: stage.serves,
    ...(stage.strips === undefined ? {} : { strips: stage.strips }),
  }));
  return { program, stages, stagesOf: printed.map(({ stage }) => stage), uniforms, sizes: sizes.all, matrices, scratch };
}

/** The kernels of a stage; of several each serves other sizes of a launch, and has no workgroups in the rest. */
function printStage(stage: Stage, sizes: Sizes): readonly StageText[] {
  switch (stage.kind) {
    case "map":
      return [printMap(stage, sizes)];
    case "dot":
      return [printDot(stage, sizes)];
    case "keep":
      return stage.short ? [printKeepFew(stage, sizes), unlessFew(printKeep(stage, sizes), stage)] : [printKeep(stage, sizes)];
    case "pairs":
      return [printPairs(stage, sizes)];
    case "snap":
      return [printSnap(stage, sizes)];
    case "sort":
      return [printSort(stage, sizes)];
    case "flag":
      return [printFlag(stage, sizes)];
    case "words":
      return [printRemember(stage, sizes)];
  }
}

/** A workgroup leaves at once where all that the stage serves stays as it is. */
function unlessAll({ unless }: Stage, kernel: StageText, sizes: Sizes): StageText {
  if (unless === undefined) return kernel;
  const text = new KernelText();
  const values = new SelectValues(wgslKernel, text, sizes, []);
  text.block("if (lane == 0)", () => {
    printStays(wgslKernel, text, values, unless);
    text.line("all_stay = stays;");
  });
  text.block("if (workgroupUniformLoad(&all_stay))", () => text.line("return;"));
  return { ...kernel, before: ["var<workgroup> all_stay: bool;", ...(kernel.before ?? [])], body: `${text.toString()}\n${kernel.body}` };
}

function inputsOf(stage: Stage): readonly FloatInput[] {
  const inputs = new Set<FloatInput>();
  walkReals(stage, (value) => {
    if (value.kind === "input") inputs.add(value.input);
  });
  return [...inputs];
}

function shader(
  module: MaskModule,
  stage: Stage,
  { threads, fours = false, body, before = [] }: StageText,
  inputs: readonly FloatInput[],
  uniforms: readonly UniformField[],
): string {
  const half = module.shape.dtype === "f16";
  const functions = [
    ...tokenFunction(module, before.join() + body),
    ...before,
    ...tensorFunctions(half, fours),
    ...inputs.map(inputFunction),
  ].join("\n");
  return [
    `// ${module.name} (${module.origin}): ${stage.name}.`,
    "",
    printUniforms(uniforms),
    "",
    "@group(0) @binding(0) var<uniform> u: Uniforms;",
    // 16-bit numbers are read as words: that needs no feature.
    `@group(0) @binding(1) var<storage, read> query: array<${tensorType(half, fours)}>;`,
    `@group(0) @binding(2) var<storage, read> key: array<${tensorType(half, fours)}>;`,
    "@group(0) @binding(3) var<storage, read_write> aux: array<u32>;",
    "@group(0) @binding(4) var<storage, read_write> scratch: array<u32>;",
    ...inputs.map(({ name }, i) => `@group(0) @binding(${5 + i}) var<storage, read> floats_${name}: array<f32>;`),
    "",
    ...printHelpers(module, functions + body),
    functions,
    "",
    `@compute @workgroup_size(${threads})`,
    "fn main(",
    "  @builtin(workgroup_id) id: vec3<u32>,",
    "  @builtin(num_workgroups) groups: vec3<u32>,",
    "  @builtin(local_invocation_index) invocation: u32,",
    ") {",
    "  let group = id.y * groups.x + id.x;",
    "  let lane = i32(invocation);",
    body,
    "}",
    "",
  ].join("\n");
}

function tensorType(half: boolean, fours: boolean): string {
  if (fours) return half ? "vec2<u32>" : "vec4<f32>";
  return half ? "u32" : "f32";
}

function tensorFunctions(half: boolean, fours: boolean): readonly string[] {
  return [
    ...(["query", "key"] as const).map((name) => (fours ? foursFunction(name, half) : numberFunction(name, half))),
    `
fn scratch_bit(row: i32, column: i32) -> bool {
  return ((scratch[row + (column >> 5u)] >> u32(column & 31)) & 1u) != 0u;
}`,
  ];
}

const numberFunction = (name: string, half: boolean): string => `
fn ${name}_at(i: i32) -> f32 {
  return ${half ? `unpack2x16float(${name}[i >> 1u])[i & 1]` : `${name}[i]`};
}`;

/** Four neighbours from a multiple of four on. */
const foursFunction = (name: string, half: boolean): string => `
fn ${name}_four(i: i32) -> vec4<f32> {
${half ? `  let words = ${name}[i >> 2u];\n  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y))` : `  return ${name}[i >> 2u]`};
}`;

/** Where there is a layout, for stages that ask: the position of the token at a place. */
function tokenFunction({ layout }: MaskModule, text: string): readonly string[] {
  if (layout === undefined || !text.includes("token_at(")) return [];
  return [`\nfn token_at(b: i32, k: i32) -> i32 {\n  return ${printInt(layout.tokens.k!, wgslKernel)};\n}`];
}

/** An input has as many heads as the query heads, the kv heads, or one. */
function inputFunction({ name }: FloatInput): string {
  const field = (of: string): string => `u.${uniformName(name, "input", of)}`;
  return `
fn input_${name}(b: i32, h: i32, i: i32) -> f32 {
  return floats_${name}[b * ${field("batchStride")} + h * ${field("headCount")} / u.heads * ${field("headStride")} + i];
}`;
}
