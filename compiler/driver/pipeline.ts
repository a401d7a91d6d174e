import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { buildMasks } from "../mask/build/build.js";
import type { MaskSettings } from "../mask/build/settings.js";
import type { BranchedMask } from "../mask/branched.js";
import type { MaskModule } from "../mask/ir.js";
import { analyze } from "../semantics/index.js";
import type { SourceHost } from "../semantics/host.js";
import type { Model } from "../semantics/model.js";
import type { SourceFile, Span } from "../source/file.js";
import type { FileNode } from "../syntax/ast.js";
import { parse } from "../syntax/parser.js";
import { checkBranchedRows, checkRows } from "./rows.js";

/** A file after parsing and checking; `model` is there only when it has no error. */
export interface Checked {
  readonly file: SourceFile;
  readonly tree: FileNode;
  readonly model?: Model | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

export const hasErrors = (diagnostics: readonly Diagnostic[]): boolean => diagnostics.some((d) => d.severity === "error");

/**
 * Parses and checks one file with all that it imports. Each stage reports all it finds; the next one
 * runs only on what is whole.
 */
export function checkFile(file: SourceFile, host: SourceHost): Checked {
  const parsed = parse(file);
  if (hasErrors(parsed.diagnostics)) return { file, tree: parsed.tree, diagnostics: parsed.diagnostics };
  const analysis = analyze(file, parsed.tree, host);
  const diagnostics = [...parsed.diagnostics, ...analysis.diagnostics];
  return { file, tree: parsed.tree, diagnostics, model: hasErrors(diagnostics) ? undefined : analysis.model };
}

function spanOf(model: Model, name: string): Span | undefined {
  return model.attentions.find((attention) => attention.name === name)?.node.name.span;
}

export interface Built {
  readonly modules: readonly MaskModule[];
  /** Attentions with branches. */
  readonly branched: readonly BranchedMask[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The operators of a checked file, or the one of that name, with parameters and shape settled.
 * Settings may make diagnostics of their own: a window wider than its axis, heads a table does not fit.
 */
export function buildOperators(checked: Checked, name?: string, settings: MaskSettings = {}): Built {
  if (!checked.model) return { modules: [], branched: [], diagnostics: checked.diagnostics };
  const built = buildMasks(checked.model, name, settings);
  const rows = built.modules.flatMap((module) => checkRows(module, spanOf(checked.model!, module.name)));
  const branchedRows = built.branched.flatMap((mask) => checkBranchedRows(mask, spanOf(checked.model!, mask.name)));
  const diagnostics = [...checked.diagnostics, ...built.diagnostics, ...rows, ...branchedRows];
  if (hasErrors(diagnostics)) return { modules: [], branched: [], diagnostics };
  return { modules: built.modules, branched: built.branched, diagnostics };
}
