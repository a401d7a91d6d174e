import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { diagnostic } from "../diagnostics/report.js";
import type { BranchedMask } from "../mask/branched.js";
import type { MaskModule } from "../mask/ir.js";
import type { Span } from "../source/file.js";
import { findEmptyRow, rowsNonempty } from "../tiles/nonempty.js";

/** What there is to say about rows without a key: an error where the declaration requires that there be none. */
export function checkRows(module: MaskModule, span: Span | undefined): readonly Diagnostic[] {
  if (rowsNonempty(module)) return [];
  if (module.requireRowsNonempty) return [diagnostic("ATTN4002", span, { name: module.name })];
  const found = findEmptyRow(module);
  const learned = module.selections !== undefined;
  const dynamic = module.inputs.length > 0 || learned;
  if (!found && !dynamic) return [];
  const why = found
    ? `query ${found.query} of ${found.N} sees none in head ${found.head}`
    : learned
      ? "what is selected decides"
      : "its inputs decide";
  return [diagnostic("ATTN4003", span, { name: module.name, why })];
}

/**
 * As {@link checkRows}, for branches: a row is empty where it is in all of them. That one of them has no empty row is a
 * proof; that each has some is none, so there is a warning nowhere and an error only where the declaration asks for proof.
 */
export function checkBranchedRows(mask: BranchedMask, span: Span | undefined): readonly Diagnostic[] {
  if (!mask.requireRowsNonempty || mask.branches.some(({ module }) => rowsNonempty(module))) return [];
  return [diagnostic("ATTN4002", span, { name: mask.name })];
}
