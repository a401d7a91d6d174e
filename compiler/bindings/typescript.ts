import type { SourceFile } from "ts-morph";
import { addBranched, addBranchedManifest, type BranchedOperator } from "./branched.js";
import { generateBindings, type BindingKind, type BindingOptions, type GeneratedFile } from "./generated-file.js";
import type { OperatorNames } from "./names.js";
import { ADAPTER, addManifest, addOperator, type CompiledOperator } from "./operator.js";
import { RUNTIME_NAMES, usedRuntimeNames } from "./runtime-names.js";
import { inlineRuntime } from "./standalone.js";

export type { BindingOptions, GeneratedFile } from "./generated-file.js";
export { branchedOperator, type BranchedOperator } from "./branched.js";
export type { CompiledOperator } from "./operator.js";

export interface WebGpuBindingOptions extends BindingOptions {
  /** Where the runtime is imported from; `attnc/runtime` unless given. */
  readonly runtimeModule?: string | undefined;
  /**
   * Puts the runtime into the file, which then depends on nothing: the TypeScript sources of
   * `runtime/launch` by their paths in it (`operator.ts`, `prepare/ids.ts`).
   */
  readonly standalone?: ReadonlyMap<string, string> | undefined;
}

/** The bindings for WebGPU of the attention declarations of one `.attn` file: `NAME.attn.ts`, or `.js` and `.d.ts`. */
export function generateTypeScript(
  operators: readonly (CompiledOperator | BranchedOperator)[],
  options: WebGpuBindingOptions,
): Promise<readonly GeneratedFile[]> {
  const { runtimeModule = "attnc/runtime", standalone } = options;
  const webgpu: BindingKind<CompiledOperator | BranchedOperator> = {
    ending: "",
    runtimeNames: RUNTIME_NAMES,
    addOperator: (file, operator, names) => ("branched" in operator ? addBranched : addOperator)(file, operator as BranchedOperator, names),
    addShared: addRequirements,
    addManifest: (file, operator, names) =>
      ("branched" in operator ? addBranchedManifest : addManifest)(file, operator as BranchedOperator, names),
    addRuntime(file, taken) {
      const used = usedRuntimeNames(file, RUNTIME_NAMES);
      if (standalone === undefined) file.addImportDeclaration({ moduleSpecifier: runtimeModule, namedImports: used });
      else file.addStatements(inlineRuntime(standalone, used, [...taken, "requirements"]));
    },
  };
  return generateBindings(webgpu, operators, options);
}

/** What one device needs to run every operator of the file. */
function addRequirements(file: SourceFile, names: readonly OperatorNames[]): void {
  const each = names.map(({ requirements }) => `${requirements}(adapter)`);
  const merged = `
  const all = [${each.join(", ")}];
  const requiredLimits: Record<string, number> = {};
  for (const [name, least] of all.flatMap((each) => Object.entries(each.requiredLimits))) {
    requiredLimits[name] = Math.max(requiredLimits[name] ?? 0, least);
  }
  return { requiredFeatures: [...new Set(all.flatMap((each) => each.requiredFeatures))], requiredLimits };`;
  file.addFunction({
    name: "requirements",
    isExported: true,
    docs: ["Features and limits to request a device with that is to run every operator of this file."],
    parameters: [{ name: "adapter", type: ADAPTER, hasQuestionToken: true }],
    returnType: "Requirements",
    statements: [names.length === 1 ? `return ${each[0]};` : merged],
  });
}
