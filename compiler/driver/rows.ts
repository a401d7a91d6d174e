import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { diagnostic } from "../diagnostics/report.js";
import type { MaskModule } from "../mask/ir.js";
import type { Span } from "../source/file.js";
import { findEmptyRow, rowsNonempty } from "../tiles/nonempty.js";

/** What there is to say about rows without a key: an error where the declaration requires that there be none. */
export function checkRows(module: MaskModule, span: Span | undefined): readonly Diagnostic[] {
  if (rowsNonempty(module)) return [];
  if (module.requireRowsNonempty) return [diagnostic("ATTN4002", span, { name: module.name })];
  const found = findEmptyRow(module);
  const dynamic = module.inputs.length > 0;
  if (!found && !dynamic) return [];
  const why = found ? `query ${found.query} of ${found.N} sees none in head ${found.head}` : "its inputs decide";
  return [diagnostic("ATTN4003", span, { name: module.name, why })];
}
