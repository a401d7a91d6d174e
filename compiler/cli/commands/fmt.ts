import type { Diagnostic } from "../../diagnostics/diagnostic.js";
import { renderPretty } from "../../diagnostics/render.js";
import { format } from "../../syntax/format.js";
import { colours, say, writeFiles } from "../io.js";
import { readTargets } from "../sources.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";

/** `attnc fmt`: rewrites files in the one layout, or with `check` says which are not in it. */
export function fmt(files: readonly string[], options: { readonly check?: boolean }): ExitCode {
  const changed = new Map<string, string>();
  const broken: Diagnostic[] = [];
  for (const { file } of readTargets(files)) {
    const result = format(file);
    if ("diagnostics" in result) broken.push(...result.diagnostics);
    else if (result.text !== file.text) changed.set(file.name, result.text);
  }
  if (broken.length > 0) say(renderPretty(broken, { color: colours(process.stderr) }));
  for (const name of changed.keys()) say(options.check ? `${name} is not formatted; run attnc fmt ${name}` : `formatted ${name}`);
  if (!options.check) writeFiles(changed);
  return broken.length > 0 || (options.check && changed.size > 0) ? EXIT.diagnostics : EXIT.ok;
}
