import { Project, ts } from "ts-morph";

/** What TypeScript says of files by name under the strictest options, with packages at these paths; "" where it is content. */
export function strictProblems(files: ReadonlyMap<string, string>, paths: Readonly<Record<string, string>>): string {
  const project = new Project({
    skipAddingFilesFromTsConfig: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      lib: ["lib.es2023.d.ts", "lib.dom.d.ts"],
      types: ["@webgpu/types", "node"],
      strict: true,
      noUnusedLocals: true,
      noUnusedParameters: true,
      noImplicitOverride: true,
      noImplicitReturns: true,
      noUncheckedIndexedAccess: true,
      noPropertyAccessFromIndexSignature: true,
      exactOptionalPropertyTypes: true,
      isolatedModules: true,
      verbatimModuleSyntax: true,
      skipLibCheck: true,
      noEmit: true,
      paths: Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, [path]])),
    },
  });
  const folder = `${import.meta.dirname}/virtual/`;
  const checked = [...files].map(([name, text]) => project.createSourceFile(folder + name, text));
  const problems = checked.flatMap((file) => file.getPreEmitDiagnostics());
  return project.formatDiagnosticsWithColorAndContext(problems);
}
