#!/usr/bin/env node
import { CommanderError } from "commander";
import { say, sayDiagnostics, watchStdout } from "./io.js";
import { buildProgram } from "./program.js";
import { EXIT, Stop } from "./stop.js";
import type { ExitCode } from "./stop.js";
import { version } from "./version.js";

async function main(): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  try {
    await buildProgram((code) => (exitCode = code)).parseAsync();
    return exitCode;
  } catch (error) {
    return report(error);
  }
}

async function report(error: unknown): Promise<ExitCode> {
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

/** Native device objects keep the process alive: it ends when its output is written. */
function end(code: ExitCode): void {
  process.exitCode = code;
  // Errors of the last write are told just after its callback.
  process.stdout.write("", () => process.stderr.write("", () => setImmediate(() => process.exit(code))));
}

watchStdout();
process.on("uncaughtException", (error) => void report(error).then(end));
void main().then(end);
