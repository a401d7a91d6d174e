import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { diagnostic } from "../diagnostics/report.js";
import { AttnError } from "../../runtime/launch/errors.js";

/** An error of the runtime, which says all that a user needs, as a diagnostic; undefined for any other. */
export function runtimeDiagnostic(error: unknown): Diagnostic | undefined {
  if (!(error instanceof AttnError)) return undefined;
  const { code, field, expected, found, remedy } = error;
  return diagnostic(code, undefined, { field, expected, found, remedy });
}
