import type { BoolExpr, IntExpr } from "../../mask/ir.js";
import { layoutTokens } from "../../mask/layout/places.js";
import { some, walk } from "../../mask/walk.js";
import type { Int, SelectionProgram } from "../../select/ir.js";
import { idInputs, maskNodes, usesTokens } from "../../select/mask-nodes.js";
import { readsOf } from "../../select/walk.js";
import type { UniformField, UniformSource } from "../../../runtime/launch/module.js";
import { uniformName } from "./names.js";
import { sizeName } from "./select-sizes.js";
import type { Sizes } from "./select-sizes.js";
import { bitFields, fieldsOf, launchVariables, loadedInputs } from "./uniforms.js";

const shapeNames = ["batch", "heads", "kvHeads", "NQ", "N", "headDim", "offset"] as const;

/** What a stage that makes a matrix must know of it. */
const writtenFields = ["base", "batchStride", "headStride", "rowStride"] as const;

/** Whether a number is a uniform word of all stages, whatever part they run for. */
export const isLaunchShape = (a: Int): a is Extract<Int, { kind: "shape" }> =>
  a.kind === "shape" && (shapeNames as readonly string[]).includes(a.name);

/** The uniform words of the stages of a selection program; `sizes` are all that the stages asked for. */
export function selectionUniforms(program: SelectionProgram, sizes: Sizes): readonly UniformField[] {
  const { module, matrices } = program;
  const int = (name: string, source: UniformSource): UniformField => ({ name, type: "i32", source });
  const fields: UniformField[] = shapeNames.map((name) => int(uniformName(name), { kind: "shape", name }));
  fields.push({ name: "scale", type: "f32", source: { kind: "plainScale" } });
  const tokens = module.layout !== undefined && usesTokens(program) ? layoutTokens(module.layout) : [];
  const nodes = [...program.stages.flatMap(maskNodes), ...tokens];
  const mentions = (kind: string, name: string): boolean =>
    nodes.some((node) => some(node, (each) => each.kind === kind && "name" in each && each.name === name));
  for (const name of launchVariables) if (mentions("var", name)) fields.push(int(name, { kind: "launch", name }));
  for (const { name } of module.params) {
    if (mentions("param", name)) fields.push(int(uniformName(name, "param"), { kind: "param", name }));
  }
  if (module.scalars.length > 0) fields.push(int("scalars", { kind: "scalars" }));
  const read = new Set([...nodes.flatMap(inputsOf), ...idInputs(program)]);
  const made = new Set(matrices.map(({ bits }) => bits.name));
  for (const input of loadedInputs(module)) {
    if (!read.has(input.name) || made.has(input.name)) continue;
    for (const field of fieldsOf(input)) {
      fields.push(int(uniformName(input.name, "input", field), { kind: "input", input: input.name, field }));
    }
  }
  const asked = new Set(program.stages.flatMap(readsOf));
  for (const { bits } of matrices) {
    for (const field of asked.has(bits) ? bitFields : writtenFields) {
      fields.push(int(uniformName(bits.name, "input", field), { kind: "input", input: bits.name, field }));
    }
  }
  for (const { name } of module.floatInputs ?? []) {
    for (const field of ["batchStride", "headStride", "headCount"] as const) {
      fields.push(int(uniformName(name, "input", field), { kind: "floatInput", input: name, field }));
    }
  }
  sizes.all.forEach((_, index) => fields.push(int(sizeName(index), { kind: "size", index })));
  return fields;
}

/** The inputs of the caller that an expression reads. */
function inputsOf(node: IntExpr | BoolExpr): readonly string[] {
  const names: string[] = [];
  walk(node, (each) => {
    if (each.kind === "load" || each.kind === "bit") names.push(each.input);
  });
  return names;
}
