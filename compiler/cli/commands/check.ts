import { buildOperators, checkFile, hasErrors } from "../../driver/pipeline.js";
import type { Checked } from "../../driver/pipeline.js";
import type { Diagnostic } from "../../diagnostics/diagnostic.js";
import { nodeHost } from "../host.js";
import { print, printJson, renderFor, say } from "../io.js";
import { declares, noSuchName } from "../operators.js";
import { findTargets } from "../sources.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";

export type CheckFormat = "pretty" | "json" | "github";

/** `attnc check`: diagnostics of files, with every operator built at its defaults; a file that cannot be read is one too. */
export async function check(files: readonly string[], options: { readonly format: CheckFormat }): Promise<ExitCode> {
  const { targets, problems } = findTargets(files);
  const diagnostics: Diagnostic[] = [];
  const wrongUse: Diagnostic[] = [...problems];
  const checkedFiles = new Map<string, Checked>();
  for (const { file, name } of targets) {
    const known = checkedFiles.get(file.name);
    const checked = known ?? checkFile(file, nodeHost);
    checkedFiles.set(file.name, checked);
    if (name !== undefined && checked.model && !declares(checked, name)) {
      wrongUse.push(noSuchName(checked, name));
    } else {
      // What the file itself says is said once, however many of its declarations are named.
      diagnostics.push(...buildOperators(known ? { ...checked, diagnostics: [] } : checked, name?.split(".")[0]).diagnostics);
    }
  }
  diagnostics.push(...wrongUse);
  switch (options.format) {
    case "json": {
      const { toJson } = await import("../../diagnostics/render.js");
      printJson(toJson(diagnostics));
      break;
    }
    case "github": {
      const { toGithub } = await import("../../diagnostics/render.js");
      if (diagnostics.length > 0) print(toGithub(diagnostics));
      break;
    }
    case "pretty":
      if (diagnostics.length > 0) print(await renderFor(process.stdout, diagnostics));
      else say("no errors");
  }
  return wrongUse.length > 0 ? EXIT.usage : hasErrors(diagnostics) ? EXIT.diagnostics : EXIT.ok;
}
