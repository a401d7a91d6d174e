import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.js";
import type { BranchedMask } from "../../compiler/mask/branched.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { buildMasks, type MaskSettings } from "../../compiler/mask/index.js";
import { verifyMask } from "../../compiler/mask/verify.js";
import { analyze, libraryFile, memoryHost } from "../../compiler/semantics/index.js";
import { positionAt, sourceFile, textOf } from "../../compiler/source/file.js";
import { parse } from "../../compiler/syntax/parser.js";

export interface CompileOptions {
  /** Other files, by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** The library, by file name. */
  readonly library?: Readonly<Record<string, string>>;
  /** The attention to build; all without it. */
  readonly name?: string;
  readonly settings?: MaskSettings;
}

/** From text to masks, with the diagnostics of every stage that was reached. */
export function compile(
  text: string,
  options: CompileOptions = {},
): { modules: readonly MaskModule[]; branched: readonly BranchedMask[]; diagnostics: readonly Diagnostic[] } {
  const file = sourceFile("main.attn", text);
  const library = Object.entries(options.library ?? {}).map(([name, body]) => libraryFile(name, body));
  const parsed = parse(file);
  const analysis = analyze(file, parsed.tree, memoryHost({ ...options.files, "main.attn": text }, library));
  const diagnostics = [...parsed.diagnostics, ...analysis.diagnostics];
  if (diagnostics.some((d) => d.severity === "error")) return { modules: [], branched: [], diagnostics };
  const build = buildMasks(analysis.model, options.name, options.settings);
  for (const module of [...build.modules, ...build.branched.flatMap(({ branches }) => branches.map((branch) => branch.module))]) {
    const problems = verifyMask(module);
    if (problems.length > 0) throw new Error(`${module.name}: ${problems.join("; ")}`);
  }
  return { modules: build.modules, branched: build.branched, diagnostics: [...diagnostics, ...build.diagnostics] };
}

/** The one module of a program without any diagnostic. */
export function moduleOf(text: string, options: CompileOptions = {}): MaskModule {
  const { modules, diagnostics } = compile(text, options);
  if (diagnostics.length > 0) throw new Error(diagnostics.map(show).join("\n"));
  if (modules.length !== 1) throw new Error(`${modules.length} modules`);
  return modules[0]!;
}

/** An attention around some clauses. */
export function attention(clauses: string, { space = "seq causal", params = "" } = {}): string {
  return `attention a${params === "" ? "" : `(${params})`} {\n  space ${space}\n${clauses
    .split("\n")
    .map((line) => `  ${line.trim()}\n`)
    .join("")}}\n`;
}

/** `CODE line:column "text"`: enough to see that a diagnostic is at its place. */
export function show(d: Diagnostic): string {
  if (d.span === undefined) return d.code;
  const { line, column } = positionAt(d.span.file, d.span.start);
  return `${d.code} ${line}:${column} ${JSON.stringify(textOf(d.span))}`;
}

/** The codes and places of everything that is wrong with a program. */
export function problems(text: string, options: CompileOptions = {}): readonly string[] {
  return compile(text, options).diagnostics.map(show);
}
