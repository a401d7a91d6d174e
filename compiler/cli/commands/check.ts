import { checkFile, buildOperators, hasErrors } from "../../driver/pipeline.js";
import type { Diagnostic } from "../../diagnostics/diagnostic.js";
import { toGithub, renderPretty, toJson } from "../../diagnostics/render.js";
import { nodeHost } from "../host.js";
import { colours, print, printJson, say } from "../io.js";
import { readTargets } from "../sources.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";

export type CheckFormat = "pretty" | "json" | "github";

/** `attnc check`: diagnostics of files, with every operator built at its defaults. */
export function check(files: readonly string[], options: { readonly format: CheckFormat }): ExitCode {
  const diagnostics = readTargets(files).flatMap(
    ({ file }): readonly Diagnostic[] => buildOperators(checkFile(file, nodeHost)).diagnostics,
  );
  switch (options.format) {
    case "json":
      printJson(toJson(diagnostics));
      break;
    case "github":
      if (diagnostics.length > 0) print(toGithub(diagnostics));
      break;
    case "pretty":
      if (diagnostics.length > 0) print(renderPretty(diagnostics, { color: colours(process.stdout) }));
      else say("no errors");
  }
  return hasErrors(diagnostics) ? EXIT.diagnostics : EXIT.ok;
}
