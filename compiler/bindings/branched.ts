import type { SourceFile } from "ts-morph";
import { wholeModule, type BranchedMask } from "../mask/branched.js";
import type { BranchedModule, BranchedRules } from "../../runtime/launch/branches/module.js";
import type { Dtype } from "../../runtime/launch/module.js";
import { arrayType, bufferType, describeArray, describeBuffer, LSE_DOC, OUT_DOC, tensorFields, type Field } from "./descriptions.js";
import { commentLine, dataText, objectText, templateText } from "./literals.js";
import { moduleText } from "./module-constant.js";
import type { OperatorNames } from "./names.js";
import { floatFields as selectionFloats, selectedFields, selectionArrayFields, selectionBufferFields } from "./selection-fields.js";
import { ADAPTER } from "./operator.js";
import {
  addAlias,
  addCall,
  addConstants,
  addShape,
  arrayTensor,
  leadOf,
  property,
  runMethods,
  wholeResult,
  type TypedOperator,
} from "./operator-types.js";

/** An attention with branches on its way into a binding, whatever its kernels are. */
export interface WithBranches extends TypedOperator {
  readonly branched: { readonly launch: BranchedRules };
}

/** An attention with branches on its way into a binding: seen as a whole, and its branches. */
export interface BranchedOperator extends WithBranches {
  readonly branched: { readonly mask: BranchedMask; readonly launch: BranchedModule };
}

/** The whole of an attention with branches, as the types of a call see it; its tables and scalars are those of the branches in a row. */
export function branchedOperator(mask: BranchedMask, launch: BranchedModule): BranchedOperator {
  return { mask: wholeModule(mask), launch: launch.call, branched: { mask, launch } };
}

/** Adds the types and the functions of an attention with branches. */
export function addBranched(file: SourceFile, operator: BranchedOperator, names: OperatorNames): void {
  const { mask, launch, branched } = operator;
  const { lse } = branched.launch.mix;
  const title = `\`${mask.name}\``;
  const kernels = branched.launch.branches.flatMap(({ module }) => module.variants);
  const needsShape = addShape(file, operator, kernels, names);
  const outputs: Field[] = [
    { name: "out", type: "BufferRef", doc: `The output, ${launch.dtype}, ${OUT_DOC}` },
    ...(lse ? [{ name: "lse", type: "BufferRef", optional: !mask.emitLse, doc: LSE_DOC }] : []),
  ];
  addAlias(file, names.buffers, `The app's buffers for one call of ${title}, row-major and without gaps. Usage: STORAGE.`, [
    ...tensorFields("BufferRef", launch.dtype),
    ...outputs,
    ...mask.inputs.map((input): Field => ({ name: input.name, type: bufferType(input), doc: describeBuffer(input, mask) })),
    ...floatFields(operator, "BufferRef", "BufferRef", launch.dtype),
    ...ownFloats(operator, "InputBuffer"),
    ...selectionBufferFields(mask),
  ]);
  addBranchedArrays(file, operator, [launch.dtype], names);
  addCall(file, operator, names);
  addFunctions(file, operator, needsShape, names);
}

/** Adds the types of what a run on arrays takes and gives; `dtypes` are the kernels'. */
export function addBranchedArrays(file: SourceFile, operator: WithBranches, dtypes: readonly Dtype[], names: OperatorNames): void {
  const { mask, branched } = operator;
  const { lse } = branched.launch.mix;
  const title = `\`${mask.name}\``;
  const { tensor, unit } = arrayTensor(dtypes);
  addAlias(file, names.arrays, `Arrays for one call of ${title}, row-major and without gaps.`, [
    ...tensorFields(tensor, unit),
    ...mask.inputs.map((input): Field => ({ name: input.name, type: arrayType(input), doc: describeArray(input, mask) })),
    ...floatFields(operator, "Float32Array", tensor, unit),
    ...ownFloats(operator, "InputArray"),
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
      ...(lse ? [property({ name: "lse", type: "Float32Array", doc: LSE_DOC })] : []),
    ],
  });
}

function addFunctions(file: SourceFile, { mask, branched }: BranchedOperator, needsShape: boolean, names: OperatorNames): void {
  const title = `\`${mask.name}\``;
  const doc = leadOf(mask);
  const parts = branched.mask.branches.map(({ name }) => `\`${name}\``).join(", ");
  file.addInterface({
    name: names.operator,
    isExported: true,
    docs: [`${doc}Made by {@link ${names.create}}.`],
    methods: [
      {
        name: "encode",
        docs: [
          `Encodes one launch into the app's encoder, on the app's buffers: its attentions (${parts}), then what makes the output of theirs. No copy, no submit. Throws an \`AttnError\` that names the field before the app's buffers are written.`,
        ],
        parameters: [
          { name: "encoder", type: "GPUCommandEncoder" },
          { name: "buffers", type: names.buffers },
          { name: "call", type: names.call },
        ],
        returnType: "void",
      },
      ...runMethods(mask, names),
      { name: "destroy", docs: ["Frees the operator's own buffers; the app's are left alone."], returnType: "void" },
    ],
  });
  file.addFunction({
    name: names.requirements,
    isExported: true,
    docs: [
      `Features and limits to request a device for ${title} with: \`adapter.requestDevice(${names.requirements}(adapter))\`. Without an adapter, the least with which a kernel of each attention runs.`,
    ],
    parameters: [{ name: "adapter", type: ADAPTER, hasQuestionToken: true }],
    returnType: "Requirements",
    statements: [`return branchedRequirements(${names.module}, adapter);`],
  });
  file.addFunction({
    name: names.create,
    isExported: true,
    isAsync: true,
    docs: [
      `${doc}Makes ${title} (${commentLine(mask.origin)}) on the app's device: chooses a kernel for each of its attentions (${parts}) and compiles them, once for each device. Rejects with an \`AttnError\`.`,
    ],
    parameters: [
      { name: "device", type: "GPUDevice" },
      { name: "shape", type: names.shape, ...(needsShape ? {} : { initializer: "{}" }) },
      { name: "options", type: "BranchedOptions", initializer: "{}" },
    ],
    returnType: `Promise<${names.operator}>`,
    statements: [`return createBranchedAttention<${wholeResult(mask, names)}>(device, ${names.module}, shape, options);`],
  });
}

/** The floats that only selections read. */
export const ownFloats = (operator: WithBranches, type: string): readonly Field[] => {
  const others = floatFields(operator, "", "", "").map(({ name }) => name);
  return selectionFloats(operator.mask, type).filter(({ name }) => !others.includes(name));
};

/** Gates, and the tensors that branches attend from; the latter are of the operator's dtype. */
export function floatFields({ branched }: WithBranches, gate: string, pooled: string, unit: string): readonly Field[] {
  const { gates, branches } = branched.launch;
  const fields = gates.map(({ name, count }): Field => {
    const many = count === 1 ? "One number" : `${count} numbers`;
    return { name, type: gate, doc: `${many} for each query and head, [batch, heads, queryLength, ${count}], f32.` };
  });
  for (const { windows } of branches) {
    if (windows === undefined) continue;
    const { n, stride } = windows;
    const rows = `one for each window of ${n} keys, every ${stride} keys, that fits whole: [batch, kvHeads, floor((keyLength - ${n}) / ${stride}) + 1`;
    for (const [name, what, dim] of [
      [windows.key, "Keys", "headDim"],
      [windows.value, "Values", "valueDim"],
    ] as const) {
      if (fields.some((field) => field.name === name)) continue;
      fields.push({ name, type: pooled, doc: `${what} to attend from, ${rows}, ${dim}], ${unit}.` });
    }
  }
  return fields;
}

/** Adds what the functions read: the tables of all branches, and the launch manifest. */
export function addBranchedManifest(file: SourceFile, operator: BranchedOperator, names: OperatorNames): void {
  const { mask, launch, branched } = operator;
  let tables = 0;
  const branches = branched.mask.branches.map((branch, i) => {
    const first = tables;
    tables += branch.module.tables.length;
    const { name, module, windows } = branched.launch.branches[i]!;
    return objectText([
      ["name", dataText(name)],
      ["module", moduleText(module, branch.module, { ...names, table: (index) => names.table(first + index) })],
      ["windows", windows && dataText(windows)],
    ]);
  });
  const { wgsl, ...mix } = branched.launch.mix;
  const text = objectText([
    ["name", dataText(mask.name)],
    ["call", dataText(launch)],
    ["branches", `[${branches.join(", ")}]`],
    ["gates", dataText(branched.launch.gates)],
    [
      "mix",
      objectText([
        ...Object.entries(mix).map(([key, value]) => [key, dataText(value)] as const),
        ["wgsl", `/* wgsl */ ${templateText(wgsl)}`],
      ]),
    ],
  ]);
  addConstants(file, operator, names, "BranchedModule", text);
}
