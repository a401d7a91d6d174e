import { Writers, type OptionalKind, type PropertySignatureStructure, type SourceFile } from "ts-morph";
import { VariableDeclarationKind } from "ts-morph";
import type { MaskModule } from "../mask/ir.js";
import type { AttentionModule } from "../../runtime/launch/module.js";
import { callFields, lengthFields, shapeFields } from "./call-fields.js";
import { arrayType, bufferType, describeArray, describeBuffer, LSE_DOC, OUT_DOC, tensorFields, type Field } from "./descriptions.js";
import { commentLine, commentText } from "./literals.js";
import { moduleText, tableText } from "./module-constant.js";
import { propertyKey, type OperatorNames } from "./names.js";

/** One attention declaration on its way into a binding. */
export interface CompiledOperator {
  readonly mask: MaskModule;
  readonly launch: AttentionModule;
}

function property(field: Field): OptionalKind<PropertySignatureStructure> {
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
function addAlias(file: SourceFile, name: string, doc: string, fields: readonly Field[]): void {
  file.addTypeAlias({
    leadingTrivia: "\n",
    name,
    isExported: true,
    docs: [commentText(doc)],
    type: Writers.objectType({ properties: fields.map(property) }),
  });
}

/** Adds the types and the functions of one operator. */
export function addOperator(file: SourceFile, operator: CompiledOperator, names: OperatorNames): void {
  const { mask, launch } = operator;
  const title = `\`${mask.name}\``;
  const f16 = launch.dtype === "f16";
  const shape = shapeFields(launch);
  file.addInterface({
    name: names.shape,
    isExported: true,
    docs: [`Heads and dimensions of ${title}.`],
    properties: shape.map(property),
  });

  addAlias(file, names.buffers, `The app's buffers for one call of ${title}, row-major and without gaps. Usage: STORAGE.`, [
    ...tensorFields("BufferRef", launch.dtype),
    { name: "out", type: "BufferRef", doc: `The output, ${launch.dtype}, ${OUT_DOC}` },
    { name: "lse", type: "BufferRef", optional: !mask.emitLse, doc: LSE_DOC },
    ...mask.inputs.map((input): Field => ({ name: input.name, type: bufferType(input), doc: describeBuffer(input, mask) })),
  ]);
  addAlias(file, names.arrays, `Arrays for one call of ${title}, row-major and without gaps.`, [
    ...tensorFields(
      f16 ? "Float32Array | Uint16Array" : "Float32Array",
      f16 ? "rounded to f16; a Uint16Array holds the bits of f16" : "f32",
    ),
    ...mask.inputs.map((input): Field => ({ name: input.name, type: arrayType(input), doc: describeArray(input, mask) })),
  ]);
  file.addInterface({
    name: names.result,
    isExported: true,
    docs: [`What a run of ${title} gives back.`],
    properties: [
      property({ name: "out", type: "Float32Array", doc: OUT_DOC }),
      property({ name: "lse", type: "Float32Array", doc: LSE_DOC }),
    ],
  });
  file.addTypeAlias({
    leadingTrivia: "\n",
    name: names.call,
    isExported: true,
    docs: [`One call of ${title}: its lengths and what else may change from call to call.`],
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

  const doc = mask.doc === undefined ? "" : `${commentText(mask.doc)}\n\n`;
  file.addInterface({
    name: names.operator,
    isExported: true,
    docs: [`${doc}Made by {@link ${names.create}}.`],
    methods: [
      {
        name: "encode",
        docs: [
          "Encodes one launch into the app's encoder, on the app's buffers: no copy, no submit. Throws an `AttnError` that names the field before anything is encoded.",
        ],
        parameters: [
          { name: "encoder", type: "GPUCommandEncoder" },
          { name: "buffers", type: names.buffers },
          { name: "call", type: names.call },
          { name: "timestampWrites", type: "GPUComputePassTimestampWrites", hasQuestionToken: true },
        ],
        returnType: "void",
      },
      {
        name: "run",
        docs: ["Runs on plain arrays: uploads, launches, waits and reads back. Rejects with an `AttnError` that names the field."],
        parameters: [
          { name: "arrays", type: names.arrays },
          { name: "call", type: names.call },
        ],
        returnType: `Promise<${names.result}>`,
      },
      { name: "destroy", docs: ["Frees the operator's own buffers; the app's are left alone."], returnType: "void" },
    ],
  });

  file.addFunction({
    name: names.requirements,
    isExported: true,
    docs: [
      `Features and limits to request a device for ${title} with: \`adapter.requestDevice(${names.requirements}(adapter))\`. Without an adapter, the least with which a kernel runs.`,
    ],
    parameters: [{ name: "adapter", type: ADAPTER, hasQuestionToken: true }],
    returnType: "Requirements",
    statements: [`return requirementsOf(${names.module}, adapter);`],
  });
  const needsShape = shape.some((field) => !field.optional);
  file.addFunction({
    name: names.create,
    isExported: true,
    isAsync: true,
    docs: [
      `${doc}Makes ${title} (${commentLine(mask.origin)}) on the app's device: chooses a kernel for it and compiles it, once for each device. Rejects with an \`AttnError\`.`,
    ],
    parameters: [
      { name: "device", type: "GPUDevice" },
      { name: "shape", type: names.shape, ...(needsShape ? {} : { initializer: "{}" }) },
      { name: "options", type: "AttentionOptions", initializer: "{}" },
    ],
    returnType: `Promise<${names.operator}>`,
    statements: [`return createAttention(device, ${names.module}, shape, options);`],
  });
  addTune(file, operator, names);
}

/** Adds the function that measures an operator's kernels, and the type of what it is told. */
function addTune(file: SourceFile, { mask }: CompiledOperator, names: OperatorNames): void {
  const title = `\`${mask.name}\``;
  const needed = mask.inputs.length > 0;
  file.addTypeAlias({
    leadingTrivia: "\n",
    name: names.tuning,
    isExported: true,
    docs: [`What {@link ${names.tune}} measures: a call, and how.`],
    type: Writers.intersectionType(
      names.call,
      'Omit<TuneOptions, "arrays">',
      Writers.objectType({
        properties: [
          property({
            name: "arrays",
            type: needed ? `Omit<${names.arrays}, "q" | "k" | "v"> & Partial<${names.arrays}>` : `Partial<${names.arrays}>`,
            optional: !needed,
            doc: `Arrays to measure with${needed ? ": the inputs" : ""}; q, k and v are random where they are left out.`,
          }),
        ],
      }),
    ),
  });
  file.addFunction({
    name: names.tune,
    isExported: true,
    isAsync: true,
    docs: [
      `Measures which of this file's kernels of ${title} is the fastest on the app's device for one call's lengths, and remembers it: {@link ${names.create}} uses it from then on, and with \`storage\`, given there as \`tuned\`, in later runs of the app. Kernels whose results differ are refused. Build with \`--schedules all\` to give it more to choose from. Rejects with an \`AttnError\`, or with the reason of \`signal\`.`,
    ],
    parameters: [
      { name: "device", type: "GPUDevice" },
      { name: "shape", type: names.shape },
      { name: "tuning", type: names.tuning },
    ],
    returnType: "Promise<TuneResult>",
    statements: [`return tuneAttention(device, ${names.module}, shape, tuning);`],
  });
}

/** Adds what an operator's functions read: its tables and its launch manifest. */
export function addManifest(file: SourceFile, { mask, launch }: CompiledOperator, names: OperatorNames): void {
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
    declarations: [{ name: names.module, type: "AttentionModule", initializer: moduleText(launch, mask.scalars, names) }],
  });
}

/** The type of what `requirements` asks of an adapter. */
export const ADAPTER = 'Pick<GPUAdapter, "features" | "limits">';
