import type { Diagnostic } from "../diagnostics/diagnostic.js";

/** Exit codes of every command; scripts depend on them. */
export const EXIT = { ok: 0, diagnostics: 1, usage: 2, mismatch: 3, bug: 70 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command early with what the user should read. Thrown only within the command line. */
export class Stop extends Error {
  constructor(
    readonly diagnostics: readonly Diagnostic[],
    readonly exit: ExitCode = EXIT.diagnostics,
  ) {
    super(diagnostics.map((d) => d.message).join("\n"));
  }
}
