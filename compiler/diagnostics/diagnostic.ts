import type { Span } from "../source/file.js";
import type { DiagnosticCode } from "./catalogue.js";

export type Severity = "error" | "warning";

/** A second place that explains the first, with what it has to say. */
export interface Label {
  readonly span: Span;
  readonly text: string;
}

/** A user's mistake, as a value. A throw, by contrast, is a bug of the compiler. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly severity: Severity;
  readonly message: string;
  /** The place it is about; absent only where there is no source text (a missing file). */
  readonly span?: Span | undefined;
  /** What to do about it. */
  readonly hint?: string | undefined;
  readonly labels?: readonly Label[] | undefined;
}

/** Collects the diagnostics of one run; a stage adds all of its own before the pipeline stops. */
export class Diagnostics {
  private readonly list: Diagnostic[] = [];

  add(diagnostic: Diagnostic): void {
    this.list.push(diagnostic);
  }

  get all(): readonly Diagnostic[] {
    return this.list;
  }

  get hasErrors(): boolean {
    return this.list.some((d) => d.severity === "error");
  }
}
