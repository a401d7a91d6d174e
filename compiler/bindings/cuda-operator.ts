import { Writers, type MethodSignatureStructure, type OptionalKind, type SourceFile } from "ts-morph";
import type { CudaDtype, CudaModule } from "../../runtime/cuda/module.js";
import type { CompiledCudaOperator } from "./c/operator.js";
import { describeBuffer, LSE_DOC, objectType, OUT_DOC, pointerType, tensorFields, type Field } from "./descriptions.js";
import { commentLine, dataText } from "./literals.js";
import { cudaModuleText } from "./module-constant.js";
import type { OperatorNames } from "./names.js";
import { floatFields, selectionBufferFields } from "./selection-fields.js";
import { addAlias, addArrays, addCall, addConstants, addShape, leadOf, property, runMethods } from "./operator-types.js";

const distinct = <T>(items: readonly T[]): readonly T[] => [...new Set(items)];

/** The types that there are kernels for. */
export const dtypesOf = ({ cuda }: CudaModule): readonly CudaDtype[] => distinct(cuda.kernels.map(({ dtype }) => dtype));

/** Adds the types and the functions of one operator on CUDA devices. */
export function addCudaOperator(file: SourceFile, operator: CompiledCudaOperator, names: OperatorNames): void {
  const { mask, launch } = operator;
  const title = `\`${mask.name}\``;
  const { kernels } = launch.cuda;
  const dtypes = dtypesOf(launch);
  const needsShape = addShape(file, operator, kernels, names);
  addPointers(file, operator, names, { floats: floatFields(mask, "CudaInput"), lse: true });
  addArrays(file, operator, dtypes, names);
  addCall(file, operator, names);
  addOptions(file, operator, names);
  const doc = leadOf(mask);
  file.addInterface({
    name: names.operator,
    isExported: true,
    docs: [`${doc}Made by {@link ${names.create}}.`],
    properties: [
      { name: "dtype", type: dtypes.map(dataText).join(" | "), isReadonly: true, docs: ["The element type of q, k, v and out."] },
      { name: "kernel", type: "CudaKernel", isReadonly: true, docs: ["The kernel that was chosen for the device."] },
    ],
    methods: [
      launchMethod(names, "Puts one launch into a stream, on the app's memory: no copy, no wait."),
      ...((mask.selections ?? []).length > 0 ? [selectMethod(names, SELECTS)] : []),
      ...runMethods(mask, names),
      DESTROY,
    ],
  });
  file.addFunction({
    name: names.requirements,
    isExported: true,
    docs: [`What ${title} asks of a device at least, for each type and pair of dims that it has kernels for.`],
    returnType: "readonly CudaRequirements[]",
    statements: [`return cudaRequirements(${names.module});`],
  });
  file.addFunction({
    name: names.create,
    isExported: true,
    isAsync: true,
    docs: [
      `${doc}Makes ${title} (${commentLine(mask.origin)}) on a CUDA device: chooses a kernel for it and compiles the source, once for each device, or loads \`options.cubin\`. Rejects with an \`AttnError\`.`,
    ],
    parameters: [
      { name: "device", type: "CudaDevice" },
      { name: "shape", type: names.shape, ...(needsShape ? {} : { initializer: "{}" }) },
      { name: "options", type: names.options, initializer: "{}" },
    ],
    returnType: `Promise<${names.operator}>`,
    // Its type is one of those that there are kernels for.
    statements: [`return (await createCudaAttention(device, ${names.module}, shape, options)) as ${names.operator};`],
  });
}

/** The method that works on device memory. */
export const launchMethod = (names: OperatorNames, what: string): OptionalKind<MethodSignatureStructure> => ({
  name: "launch",
  docs: [`${what} The stream is the default one when left out. Throws an \`AttnError\` that names the field before anything is launched.`],
  parameters: [
    { name: "tensors", type: names.pointers },
    { name: "call", type: names.call },
    { name: "stream", type: "CudaStream", hasQuestionToken: true },
  ],
  returnType: "void",
});

export const DESTROY: OptionalKind<MethodSignatureStructure> = {
  name: "destroy",
  docs: ["Frees the operator's own memory, once what was launched has ended; the app's is left alone."],
  returnType: "void",
};

const SELECTS = "Puts what comes before the kernel into a stream, and not the kernel: what is selected goes to `tensors.selected`.";

/** The method that makes selections alone; `partial` where inputs may be left out. */
export function selectMethod(names: OperatorNames, what: string, partial = false): OptionalKind<MethodSignatureStructure> {
  const { pointers } = names;
  const type = partial
    ? `Omit<${pointers}, "v" | "out" | "lse" | "inputs"> & { readonly inputs?: Partial<${pointers}["inputs"]> }`
    : `Omit<${pointers}, "v" | "out" | "lse">`;
  return {
    name: "select",
    docs: [`${what} Throws as {@link launch}.`],
    parameters: [
      { name: "tensors", type },
      { name: "call", type: names.call },
      { name: "stream", type: "CudaStream", hasQuestionToken: true },
    ],
    returnType: "void",
  };
}

/** Adds the type of a launch's tensors; `floats` are the inputs of floats, `lse` whether there is one. */
export function addPointers(
  file: SourceFile,
  { mask, launch }: CompiledCudaOperator,
  names: OperatorNames,
  { floats, lse }: { readonly floats: readonly Field[]; readonly lse: boolean },
): void {
  const unit = dtypesOf(launch).join(" or ");
  const inputs = [
    ...mask.inputs.map((input): Field => ({ name: input.name, type: pointerType(input), doc: describeBuffer(input, mask) })),
    ...floats,
  ];
  const doc = `Device memory for one call of \`${mask.name}\`, row-major and without gaps, at multiples of 16 bytes.`;
  addAlias(file, names.pointers, doc, [
    ...tensorFields("DeviceRef", unit),
    { name: "out", type: "DeviceRef", doc: `The output, ${unit}, ${OUT_DOC}` },
    ...(lse ? [{ name: "lse", type: "DeviceRef", optional: !mask.emitLse, doc: LSE_DOC }] : []),
    ...(inputs.length === 0 ? [] : [{ name: "inputs", type: objectType(inputs), doc: "The declaration's inputs." }]),
    ...selectionBufferFields(mask, { selected: "DeviceRef", reuse: "CudaReuse" }),
  ]);
}

/** Adds the type of what is said of the kernels. */
export function addOptions(file: SourceFile, { mask, launch }: CompiledCudaOperator, names: OperatorNames): void {
  const { dtype, cuda } = launch;
  const dtypes = dtypesOf(launch);
  const kernels = distinct(cuda.kernels.map((kernel) => kernel.name));
  file.addTypeAlias({
    leadingTrivia: "\n",
    name: names.options,
    isExported: true,
    docs: [`Which kernel of \`${mask.name}\` is made, and from what.`],
    type: Writers.intersectionType(
      'Omit<CudaOptions, "dtype" | "kernel">',
      Writers.objectType({
        properties: [
          {
            name: "dtype",
            type: dtypes.map(dataText).join(" | "),
            optional: true,
            doc: `The element type of q, k, v and out; ${dtype} when left out.`,
          },
          {
            name: "kernel",
            type: kernels.map(dataText).join(" | "),
            optional: true,
            doc: "A kernel by name; the best for the device when left out.",
          },
        ].map(property),
      }),
    ),
  });
}

/** Adds what an operator's functions read: its tables and its launch manifest. */
export function addCudaManifest(file: SourceFile, operator: CompiledCudaOperator, names: OperatorNames): void {
  addConstants(file, operator, names, "CudaModule", cudaModuleText(operator.launch, operator.mask, names));
}
