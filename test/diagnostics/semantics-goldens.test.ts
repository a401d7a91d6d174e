import { buildMasks, type MaskSettings } from "../../compiler/mask/index.js";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.js";
import { analyze, libraryFile, memoryHost } from "../../compiler/semantics/index.js";
import { sourceFile } from "../../compiler/source/file.js";
import { parse } from "../../compiler/syntax/parser.js";
import { diagnosticGoldens, type GoldenFiles } from "./goldens.js";

/**
 * Parses, checks and, when that finds no error, builds. `library.attn` is what `std` holds, and
 * `settings.json` what the caller sets: `{"name": …, "params": {…}, "shape": {…}}`.
 */
function diagnose(bytes: GoldenFiles): readonly Diagnostic[] {
  const files = Object.fromEntries([...bytes].map(([name, content]) => [name, new TextDecoder().decode(content)]));
  const entry = sourceFile("input.attn", files["input.attn"]!);
  const library = files["library.attn"] === undefined ? [] : [libraryFile("library.attn", files["library.attn"])];
  const parsed = parse(entry);
  if (parsed.diagnostics.length > 0) throw new Error("a golden of these stages has a syntax error");
  const { model, diagnostics } = analyze(entry, parsed.tree, memoryHost(files, library));
  if (diagnostics.some((d) => d.severity === "error")) return diagnostics;
  const settings = JSON.parse(files["settings.json"] ?? "{}") as MaskSettings & { readonly name?: string };
  return [...diagnostics, ...buildMasks(model, settings.name, settings).diagnostics];
}

diagnosticGoldens("23", diagnose);
