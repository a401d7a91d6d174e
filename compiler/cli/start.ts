import { reportError, runCommandLine } from "./command-line.js";
import { watchStdout } from "./io.js";
import type { ExitCode } from "./stop.js";

/** Native device objects keep the process alive: it ends when its output is written. */
function end(code: ExitCode): void {
  process.exitCode = code;
  // Errors of the last write are told just after its callback.
  process.stdout.write("", () => process.stderr.write("", () => setImmediate(() => process.exit(code))));
}

/** Runs the process's command line, and ends the process. */
export function start(): void {
  watchStdout();
  process.on("uncaughtException", (error) => void reportError(error).then(end));
  void runCommandLine(process.argv.slice(2)).then(end);
}
