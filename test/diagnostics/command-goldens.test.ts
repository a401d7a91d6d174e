import { expect } from "vitest";
import { nodeHost } from "../../compiler/cli/host.js";
import { buildProgram } from "../../compiler/cli/program.js";
import { Stop } from "../../compiler/cli/stop.js";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.js";
import { buildOperators, checkFile } from "../../compiler/driver/pipeline.js";
import { sourceFile } from "../../compiler/source/file.js";
import { renderedGoldens, type Golden } from "./goldens.js";

/** What the command line in `command.txt` stops with, run in the folder of the golden. */
async function run(command: string, home: string): Promise<readonly Diagnostic[]> {
  const before = process.cwd();
  process.chdir(home);
  try {
    await buildProgram(() => undefined).parseAsync(command.trim().split(" ").slice(1), { from: "user" });
  } catch (error) {
    if (error instanceof Stop) return error.diagnostics;
    throw error;
  } finally {
    process.chdir(before);
  }
  throw new Error(`${command} went through`);
}

/** A golden of a command line has `command.txt`; without one it is about `input.attn` alone, as `attnc check` sees it. */
function diagnose({ code, home, files }: Golden): readonly Diagnostic[] | Promise<readonly Diagnostic[]> {
  const text = (name: string): string | undefined => (files.has(name) ? new TextDecoder().decode(files.get(name)) : undefined);
  const command = text("command.txt");
  if (command !== undefined) return run(command, home);
  const input = text("input.attn");
  expect(input, `test/diagnostics/${code} has neither command.txt nor input.attn`).toBeDefined();
  return buildOperators(checkFile(sourceFile("input.attn", input!), nodeHost)).diagnostics;
}

renderedGoldens("46", diagnose);
