import { catalogue } from "../../diagnostics/catalogue.js";
import { explanation } from "../../diagnostics/report.js";
import { suggest } from "../../diagnostics/suggest.js";
import { badOption, notYet } from "../flags.js";
import { print } from "../io.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";

/** `attnc explain CODE`: the long text of a diagnostic, found in either case and by its number alone. */
export function explain(argument: string): ExitCode {
  if (argument.includes("#") || argument.endsWith(".attn")) {
    const instead = `\`attnc tiles ${argument} --seq N\` counts its tiles, \`attnc mask ${argument} --seq N\` draws it`;
    throw notYet("the cost report of an operator", instead);
  }
  const number = /^(?:attn)?[-_ ]?(\d{4})$/i.exec(argument)?.[1];
  const code = number === undefined ? argument.toUpperCase() : `ATTN${number}`;
  const text = explanation(code);
  if (text === undefined) {
    const near = suggest(code, Object.keys(catalogue));
    badOption("CODE", argument, "the code of a diagnostic, such as ATTN1001", near === undefined ? undefined : `did you mean ${near}?`);
  }
  print(text);
  return EXIT.ok;
}
