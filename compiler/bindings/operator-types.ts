import { Writers, type MethodSignatureStructure, type OptionalKind, type PropertySignatureStructure, type SourceFile } from "ts-morph";
import { VariableDeclarationKind } from "ts-morph";
import type { MaskModule } from "../mask/ir.js";
import type { AttentionModule, Dtype } from "../../runtime/launch/module.js";
import { callFields, lengthFields, shapeFields, type KernelDims } from "./call-fields.js";
import { arrayType, describeArray, LSE_DOC, OUT_DOC, tensorFields, type Field } from "./descriptions.js";
import { commentLine, commentText } from "./literals.js";
import { tableText } from "./module-constant.js";
import { propertyKey, type OperatorNames } from "./names.js";
import { floatFields, selectedFields, selectionArrayFields } from "./selection-fields.js";

/** One attention declaration on its way into a binding, whatever its kernels are. */
export interface TypedOperator {
  readonly mask: MaskModule;
  readonly launch: AttentionModule;
}

export function property(field: Field): OptionalKind<PropertySignatureStructure> {
  const optional = field.optional ?? false;
  return {
    name: propertyKey(field.name),
    type: optional && field.type !== "undefined" ? `${field.type} | undefined` : field.type,
    isReadonly: true,
    hasQuestionToken: optional,
    docs: field.doc === "" ? [] : [commentText(field.doc)],
  };
}

/** An object type as an alias: unlike an interface it fits the index signatures of the runtime's types. */
export function addAlias(file: SourceFile, name: string, doc: string, fields: readonly Field[]): void {
  file.addTypeAlias({
    leadingTrivia: "\n",
    name,
    isExported: true,
    docs: [commentText(doc)],
    type: Writers.objectType({ properties: fields.map(property) }),
  });
}

/** The declaration's own words, at the head of what stands for it. */
export const leadOf = (mask: MaskModule): string => (mask.doc === undefined ? "" : `${commentText(mask.doc)}\n\n`);

/** Adds the type of heads and dims; tells whether some of it must be given. */
export function addShape(file: SourceFile, { mask, launch }: TypedOperator, kernels: readonly KernelDims[], names: OperatorNames): boolean {
  const shape = shapeFields(launch, kernels);
  file.addInterface({
    name: names.shape,
    isExported: true,
    docs: [`Heads and dimensions of \`${mask.name}\`.`],
    properties: shape.map(property),
  });
  return shape.some((field) => !field.optional);
}

/** The type of a tensor of a run on arrays, and what it says of numbers; `dtypes` are the kernels'. */
export function arrayTensor(dtypes: readonly Dtype[]): { readonly tensor: string; readonly unit: string } {
  const narrow = dtypes.filter((dtype) => dtype !== "f32");
  if (narrow.length === 0) return { tensor: "Float32Array", unit: "f32" };
  return {
    tensor: "Float32Array | Uint16Array",
    unit: `rounded to ${dtypes.join(" or ")}; a Uint16Array holds the bits of ${narrow.join(" or ")}`,
  };
}

/** Adds the types of what a run on arrays takes and gives; `dtypes` are the kernels'. */
export function addArrays(file: SourceFile, { mask }: TypedOperator, dtypes: readonly Dtype[], names: OperatorNames): void {
  const title = `\`${mask.name}\``;
  const { tensor, unit } = arrayTensor(dtypes);
  addAlias(file, names.arrays, `Arrays for one call of ${title}, row-major and without gaps.`, [
    ...tensorFields(tensor, unit),
    ...mask.inputs.map((input): Field => ({ name: input.name, type: arrayType(input), doc: describeArray(input, mask) })),
    ...floatFields(mask, "InputArray"),
    ...selectionArrayFields(mask),
  ]);
  const selected = selectedFields(mask);
  if (selected.length > 0) addAlias(file, names.selected, `What the selections of ${title} chose.`, selected);
  file.addInterface({
    name: names.result,
    isExported: true,
    docs: [`What a run of ${title} gives back.`],
    properties: [
      property({ name: "out", type: "Float32Array", doc: OUT_DOC }),
      property({ name: "lse", type: "Float32Array", doc: LSE_DOC }),
    ],
  });
}

/** Adds the type of a call. */
export function addCall(file: SourceFile, { mask, launch }: TypedOperator, names: OperatorNames): void {
  file.addTypeAlias({
    leadingTrivia: "\n",
    name: names.call,
    isExported: true,
    docs: [`One call of \`${mask.name}\`: its lengths and what else may change from call to call.`],
    type: Writers.intersectionType(
      Writers.objectType({ properties: callFields(mask, launch).map(property) }),
      // Parentheses: `&` binds tighter than `|`.
      (writer) => {
        writer.write("(");
        lengthFields(launch).forEach((fields, i) => {
          if (i > 0) writer.write(" | ");
          Writers.objectType({ properties: fields.map(property) })(writer);
        });
        writer.write(")");
      },
    ),
  });
}

/** All that a run on arrays may give back: with what was selected, which is there where it is asked for. */
export const wholeResult = ({ selections = [] }: MaskModule, names: OperatorNames): string =>
  selections.length === 0 ? names.result : `${names.result} & { readonly selected: ${names.selected} }`;

/** The method that works on arrays; it gives back what was selected too, where there is something to select and it is asked to. */
export function runMethods(mask: MaskModule, names: OperatorNames): readonly OptionalKind<MethodSignatureStructure>[] {
  const docs = ["Runs on plain arrays: uploads, launches, waits and reads back. Rejects with an `AttnError` that names the field."];
  const method = (arrays: string, result: string): OptionalKind<MethodSignatureStructure> => ({
    name: "run",
    docs,
    parameters: [
      { name: "arrays", type: arrays },
      { name: "call", type: names.call },
    ],
    returnType: `Promise<${result}>`,
  });
  const plain = method(names.arrays, names.result);
  if ((mask.selections ?? []).length === 0) return [plain];
  return [method(`${names.arrays} & { readonly selected: true }`, wholeResult(mask, names)), plain];
}

/** Adds the tables that host scalars read, and the launch manifest, of this type and text. */
export function addConstants(file: SourceFile, { mask }: TypedOperator, names: OperatorNames, type: string, text: string): void {
  const title = `\`${mask.name}\``;
  mask.tables.forEach((table, i) => {
    file.addVariableStatement({
      leadingTrivia: "\n",
      declarationKind: VariableDeclarationKind.Const,
      docs: [`The table \`${commentLine(table.name)}\` of ${title}, [row][column].`],
      declarations: [{ name: names.table(i), type: "readonly (readonly number[])[]", initializer: tableText(table) }],
    });
  });
  file.addVariableStatement({
    leadingTrivia: "\n",
    isExported: true,
    declarationKind: VariableDeclarationKind.Const,
    docs: [`The launch manifest of ${title}: its kernels and what they are to be given.`],
    declarations: [{ name: names.module, type, initializer: text }],
  });
}
