import { ts } from "ts-morph";

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  strict: true,
  verbatimModuleSyntax: true,
};

/**
 * A module of TypeScript as JavaScript and declarations. Only syntax is looked at, so every exported
 * declaration must say its type.
 */
export function transpile(text: string): { readonly script: string; readonly types: string } {
  const script = ts.transpileModule(text, { compilerOptions: options, fileName: "module.ts" });
  const types = ts.transpileDeclaration(text, {
    compilerOptions: { ...options, declaration: true, isolatedDeclarations: true },
    fileName: "module.ts",
    reportDiagnostics: true,
  });
  const problem = types.diagnostics?.[0];
  if (problem !== undefined) throw new Error(`no declarations: ${ts.flattenDiagnosticMessageText(problem.messageText, " ")}`);
  return { script: spaced(script.outputText), types: spaced(types.outputText) };
}

/** The text with a blank line before each statement but the first: the compiler's printer drops them. */
function spaced(text: string): string {
  const { statements } = ts.createSourceFile("module.ts", text, ts.ScriptTarget.ES2022);
  return statements.map((statement) => text.slice(statement.pos, statement.end)).join("\n");
}
