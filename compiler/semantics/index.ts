import type { Diagnostic } from "../diagnostics/diagnostic.js";
import type { SourceFile } from "../source/file.js";
import type { FileNode } from "../syntax/ast.js";
import { Files } from "./files.js";
import type { SourceHost } from "./host.js";
import type { Model } from "./model.js";

export { libraryFile, memoryHost, type SourceHost } from "./host.js";
export type { AttentionModel, Model, PatternModel } from "./model.js";

export interface Analysis {
  readonly model: Model;
  /** All of this stage, those of imported files included, their syntax errors too. Not the entry's own syntax errors. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Resolves and checks a parsed file with everything it imports. The model holds what could be made
 * sense of; it may be built only when no diagnostic is an error.
 */
export function analyze(file: SourceFile, tree: FileNode, host: SourceHost): Analysis {
  const diagnostics: Diagnostic[] = [];
  const { patterns, attentions } = new Files(host, (diagnostic) => diagnostics.push(diagnostic)).loadEntry(file, tree);
  return { model: { file, patterns, attentions }, diagnostics: inReadingOrder(diagnostics, file) };
}

/** Those of the file itself from top to bottom, then those of other files as they were found. */
function inReadingOrder(diagnostics: readonly Diagnostic[], file: SourceFile): readonly Diagnostic[] {
  const own = diagnostics.filter((d) => d.span?.file === file);
  const others = diagnostics.filter((d) => d.span?.file !== file);
  return [...own.sort((a, b) => a.span!.start - b.span!.start), ...others];
}
