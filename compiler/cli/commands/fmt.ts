import type { Diagnostic } from "../../diagnostics/diagnostic.js";
import { format } from "../../syntax/format.js";
import { say, sayDiagnostics } from "../io.js";
import { findTargets } from "../sources.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";
import { writeFiles } from "../write-files.js";

/** `attnc fmt`: rewrites files in the one layout, or with `check` says which are not in it. A file with errors is left as it is. */
export async function fmt(files: readonly string[], options: { readonly check?: boolean }): Promise<ExitCode> {
  const changed = new Map<string, string>();
  const broken: Diagnostic[] = [];
  const { targets, problems } = findTargets(files);
  const sources = new Map(targets.map(({ file }) => [file.name, file]));
  for (const file of sources.values()) {
    const result = format(file);
    if ("diagnostics" in result) broken.push(...result.diagnostics);
    else if (result.text !== file.text) changed.set(file.name, result.text);
  }
  if (!options.check) writeFiles(changed);
  for (const name of changed.keys()) say(options.check ? `${name} is not formatted; run attnc fmt ${name}` : `formatted ${name}`);
  await sayDiagnostics([...broken, ...problems]);
  if (problems.length > 0) return EXIT.usage;
  return broken.length > 0 || (options.check && changed.size > 0) ? EXIT.diagnostics : EXIT.ok;
}
