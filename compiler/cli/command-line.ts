import { CommanderError } from "commander";
import { say, sayDiagnostics } from "./io.js";
import { buildProgram } from "./program.js";
import { EXIT, Stop } from "./stop.js";
import type { ExitCode } from "./stop.js";
import { version } from "./version.js";

/** Runs one command line, without the program's name, and says what went wrong with it. */
export async function runCommandLine(args: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  try {
    await buildProgram((code) => (exitCode = code)).parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    return reportError(error);
  }
}

/** Says what ended a command, in the words that suit it. */
export async function reportError(error: unknown): Promise<ExitCode> {
  // Commander has printed its own.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof Stop) {
    await sayDiagnostics(error.diagnostics);
    return error.exit;
  }
  // Only now: most commands never touch the runtime.
  const { runtimeDiagnostic } = await import("./runtime-error.js");
  const diagnostic = runtimeDiagnostic(error);
  if (diagnostic) {
    await sayDiagnostics([diagnostic]);
    return EXIT.diagnostics;
  }
  say(`This is a bug of attnc ${version}, not of your file. Please report it with the command and the file:`);
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT.bug;
}
