import { catalogue } from "../../diagnostics/catalogue.js";
import { explanation } from "../../diagnostics/report.js";
import { suggest } from "../../diagnostics/suggest.js";
import { badOption } from "../flags.js";
import { print } from "../io.js";
import { EXIT } from "../stop.js";
import type { ExitCode } from "../stop.js";
import type { ExplainFlags } from "./explain-operator.js";

/** `attnc explain`: what an operator costs, or what a diagnostic means. */
export async function explain(argument: string, flags: ExplainFlags): Promise<ExitCode> {
  if (!argument.includes("#") && !argument.endsWith(".attn")) return explainCode(argument, flags);
  const { explainOperator } = await import("./explain-operator.js");
  return explainOperator(argument, flags);
}

/** The long text of a diagnostic, found in either case and by its number alone. */
function explainCode(argument: string, flags: ExplainFlags): ExitCode {
  const number = /^(?:attn)?[-_ ]?(\d{4})$/i.exec(argument)?.[1];
  const code = number === undefined ? argument.toUpperCase() : `ATTN${number}`;
  const text = explanation(code);
  if (text === undefined) {
    const near = suggest(code, Object.keys(catalogue));
    const hint = near === undefined ? undefined : `did you mean ${near}?`;
    badOption("the argument", argument, "FILE#NAME, or the code of a diagnostic, such as ATTN1001", hint);
  }
  const [option] = Object.keys(flags);
  if (option !== undefined) {
    const name = `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    badOption(name, "given", "no option beside the code of a diagnostic");
  }
  print(text);
  return EXIT.ok;
}
