import { Writers, type MethodSignatureStructure, type OptionalKind, type SourceFile } from "ts-morph";
import { bufferType, describeBuffer, LSE_DOC, OUT_DOC, tensorFields, type Field } from "./descriptions.js";
import { commentLine } from "./literals.js";
import { moduleText } from "./module-constant.js";
import type { OperatorNames } from "./names.js";
import { floatFields, selectionBufferFields } from "./selection-fields.js";
import {
  addAlias,
  addArrays,
  addCall,
  addConstants,
  addShape,
  leadOf,
  property,
  runMethods,
  type TypedOperator,
} from "./operator-types.js";

/** One attention declaration with kernels for WebGPU. */
export type CompiledOperator = TypedOperator;

/** Adds the types and the functions of one operator. */
export function addOperator(file: SourceFile, operator: CompiledOperator, names: OperatorNames): void {
  const { mask, launch } = operator;
  const title = `\`${mask.name}\``;
  const needsShape = addShape(file, operator, launch.variants, names);
  addAlias(file, names.buffers, `The app's buffers for one call of ${title}, row-major and without gaps. Usage: STORAGE.`, [
    ...tensorFields("BufferRef", launch.dtype),
    { name: "out", type: "BufferRef", doc: `The output, ${launch.dtype}, ${OUT_DOC}` },
    { name: "lse", type: "BufferRef", optional: !mask.emitLse, doc: LSE_DOC },
    ...mask.inputs.map((input): Field => ({ name: input.name, type: bufferType(input), doc: describeBuffer(input, mask) })),
    ...floatFields(mask, "InputBuffer"),
    ...selectionBufferFields(mask),
  ]);
  addArrays(file, operator, [launch.dtype], names);
  addCall(file, operator, names);

  const doc = leadOf(mask);
  const selects = (mask.selections ?? []).length > 0;
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
      ...(selects ? [selectionMethod(names)] : []),
      ...runMethods(mask, names),
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
    // What was selected goes by names that only the generated type knows.
    statements: selects
      ? [`return (await createAttention(device, ${names.module}, shape, options)) as unknown as ${names.operator};`]
      : [`return createAttention(device, ${names.module}, shape, options);`],
  });
  addTune(file, operator, names);
}

/** The method that only selects. */
const selectionMethod = (names: OperatorNames): OptionalKind<MethodSignatureStructure> => ({
  name: "encodeSelection",
  docs: [
    "Encodes what comes before the kernel, and not the kernel: what the selections choose goes to `buffers.selected`. Throws as `encode`.",
  ],
  parameters: [
    { name: "encoder", type: "GPUCommandEncoder" },
    { name: "buffers", type: `Omit<${names.buffers}, "v" | "out" | "lse">` },
    { name: "call", type: names.call },
    { name: "timestampWrites", type: "GPUComputePassTimestampWrites", hasQuestionToken: true },
  ],
  returnType: "void",
});

/** Adds the function that measures an operator's kernels, and the type of what it is told. */
function addTune(file: SourceFile, { mask }: CompiledOperator, names: OperatorNames): void {
  const title = `\`${mask.name}\``;
  const needed = mask.inputs.length > 0 || (mask.floatInputs ?? []).length > 0;
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
export function addManifest(file: SourceFile, operator: CompiledOperator, names: OperatorNames): void {
  addConstants(file, operator, names, "AttentionModule", moduleText(operator.launch, operator.mask, names));
}

/** The type of what `requirements` asks of an adapter. */
export const ADAPTER = 'Pick<GPUAdapter, "features" | "limits">';
