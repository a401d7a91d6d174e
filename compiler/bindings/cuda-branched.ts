import type { SourceFile } from "ts-morph";
import type { CudaBranchedModule } from "../../runtime/cuda/branches/module.js";
import type { BranchedMask } from "../mask/branched.js";
import { addBranchedArrays, floatFields, ownFloats } from "./branched.js";
import { wholeOperator, type CompiledCudaBranched } from "./c/whole.js";
import type { CompiledCudaOperator } from "./c/operator.js";
import { addOptions, addPointers, DESTROY, dtypesOf, launchMethod, selectMethod } from "./cuda-operator.js";
import { commentLine, dataText, objectText, templateText } from "./literals.js";
import { cudaModuleText } from "./module-constant.js";
import type { OperatorNames } from "./names.js";
import { addCall, addConstants, addShape, leadOf, runMethods, wholeResult } from "./operator-types.js";

/** An attention with branches on its way into a binding for CUDA: seen as a whole, and its branches. */
export interface CudaBranchedOperator extends CompiledCudaOperator {
  readonly branched: { readonly mask: BranchedMask; readonly launch: CudaBranchedModule };
}

export function cudaBranchedOperator(compiled: CompiledCudaBranched): CudaBranchedOperator {
  const { branched: mask, launch } = compiled;
  return { ...wholeOperator(compiled), branched: { mask, launch } };
}

const SELECTS =
  "Puts the selections of all branches into a stream, and neither their attentions nor the mix: what is selected goes to `tensors.selected`. Inputs that no selection reads may be left out.";

/** Adds the types and the functions of an attention with branches on CUDA devices. */
export function addCudaBranched(file: SourceFile, operator: CudaBranchedOperator, names: OperatorNames): void {
  const { mask, launch, branched } = operator;
  const title = `\`${mask.name}\``;
  const doc = leadOf(mask);
  const parts = branched.mask.branches.map(({ name }) => `\`${name}\``).join(", ");
  const dtypes = dtypesOf(launch);
  const needsShape = addShape(file, operator, launch.cuda.kernels, names);
  const floats = [...floatFields(operator, "CudaInput", "CudaInput", dtypes.join(" or ")), ...ownFloats(operator, "CudaInput")];
  addPointers(file, operator, names, { floats, lse: branched.launch.mix.lse });
  addBranchedArrays(file, operator, dtypes, names);
  addCall(file, operator, names);
  addOptions(file, operator, names);
  file.addInterface({
    name: names.operator,
    isExported: true,
    docs: [`${doc}Made by {@link ${names.create}}.`],
    properties: [
      { name: "dtype", type: dtypes.map(dataText).join(" | "), isReadonly: true, docs: ["The element type of q, k, v and out."] },
    ],
    methods: [
      launchMethod(
        names,
        `Puts one launch into a stream, on the app's memory: its attentions (${parts}), then what makes the output of theirs. No copy, no wait.`,
      ),
      ...((mask.selections ?? []).length > 0 ? [selectMethod(names, SELECTS, mask.inputs.length + floats.length > 0)] : []),
      ...runMethods(mask, names),
      DESTROY,
    ],
  });
  file.addFunction({
    name: names.requirements,
    isExported: true,
    docs: [`What ${title} asks of a device at least, for each type and pair of dims that it has kernels for.`],
    returnType: "readonly CudaRequirements[]",
    statements: [`return cudaBranchedRequirements(${names.module});`],
  });
  file.addFunction({
    name: names.create,
    isExported: true,
    isAsync: true,
    docs: [
      `${doc}Makes ${title} (${commentLine(mask.origin)}) on a CUDA device: chooses a kernel for each of its attentions (${parts}) and compiles the source, once for each device, or loads \`options.cubin\`. Rejects with an \`AttnError\`.`,
    ],
    parameters: [
      { name: "device", type: "CudaDevice" },
      { name: "shape", type: names.shape, ...(needsShape ? {} : { initializer: "{}" }) },
      { name: "options", type: names.options, initializer: "{}" },
    ],
    returnType: `Promise<${names.operator}>`,
    // Its type is one of those that there are kernels for.
    statements: [
      `return (await createCudaBranchedAttention<${wholeResult(mask, names)}>(device, ${names.module}, shape, options)) as ${names.operator};`,
    ],
  });
}

/** Adds what the functions read: the tables of all branches, and the launch manifest, with the source in it once. */
export function addCudaBranchedManifest(file: SourceFile, operator: CudaBranchedOperator, names: OperatorNames): void {
  const { mask, branched } = operator;
  const { source, call, gates, mix, mixSymbol, branches } = branched.launch;
  let tables = 0;
  const modules = branched.mask.branches.map((branch, i) => {
    const first = tables;
    tables += branch.module.tables.length;
    const { name, module, windows } = branches[i]!;
    const own = { ...names, table: (index: number) => names.table(first + index) };
    return objectText([
      ["name", dataText(name)],
      ["module", cudaModuleText(module, branch.module, own, "source")],
      ["windows", windows && dataText(windows)],
    ]);
  });
  const text = objectText([
    ["name", dataText(mask.name)],
    ["call", dataText(call)],
    ["branches", `[${modules.join(", ")}]`],
    ["gates", dataText(gates)],
    ["mix", dataText(mix)],
    ["mixSymbol", dataText(mixSymbol)],
    ["source", "source"],
  ]);
  addConstants(
    file,
    operator,
    names,
    "CudaBranchedModule",
    `((source: string): CudaBranchedModule => (${text}))(/* cpp */ ${templateText(source)})`,
  );
}
