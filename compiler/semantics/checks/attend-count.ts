import type { Span } from "../../source/file.js";
import type { Declaration } from "../../syntax/ast.js";
import { report, type Context } from "../context.js";

/** What has clauses that say which pairs. */
type Attending = Pick<Declaration, "name" | "body"> & { readonly kind: Declaration["kind"] | "branch" };

/**
 * A declaration says once what it attends to: one `attend`, or one `assign`, or one `assign` for each phase.
 * `complete` is false where a clause was left out as not supported: it may have been the one.
 */
export function checkAttendCount(declaration: Attending, phases: readonly string[], complete: boolean, context: Context): void {
  const { clauses } = declaration.body;
  const attends = clauses.filter((clause) => clause.kind === "attend");
  const assigns = clauses.filter((clause) => clause.kind === "assign");
  const label = (span: Span) => ({ labels: [{ span, text: "the first one" }] });
  for (const clause of attends.slice(1)) report(context, "ATTN2219", clause.span, {}, label(attends[0]!.span));
  if (attends[0] !== undefined && assigns[0] !== undefined) report(context, "ATTN2203", assigns[0].span, {}, label(attends[0].span));
  if (attends.length === 0 && assigns.length === 0 && complete) {
    report(context, "ATTN2204", declaration.name.span, { kind: declaration.kind, name: declaration.name.name });
  }
  const seen = new Map<string | undefined, Span>();
  for (const clause of assigns) {
    const phase = clause.body.kind === "names" ? undefined : clause.phase?.name;
    // One `assign` without a phase already decides for every phase.
    const first = seen.get(phase) ?? seen.get(undefined) ?? (phase === undefined ? [...seen.values()][0] : undefined);
    if (first !== undefined) report(context, "ATTN2202", clause.span, { what: "an `assign` for the same phase" }, label(first));
    seen.set(phase, clause.span);
  }
  const missing = phases.filter((phase) => !seen.has(phase));
  if (seen.size > 0 && !seen.has(undefined) && missing.length > 0) {
    report(context, "ATTN2223", assigns[0]!.span, { phases: missing.join(", ") });
  }
}
