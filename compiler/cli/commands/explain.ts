import { diagnostic, explanation } from "../../diagnostics/report.js";
import { print } from "../io.js";
import { EXIT, Stop } from "../stop.js";
import type { ExitCode } from "../stop.js";

/** `attnc explain CODE`: the long text of a diagnostic. */
export function explain(code: string): ExitCode {
  const text = explanation(code.toUpperCase());
  if (text === undefined) {
    const expected = "a code such as ATTN1001; the cost report of an operator (FILE#NAME) is not in this version";
    throw new Stop([diagnostic("ATTN6204", undefined, { option: "CODE", found: code, expected })], EXIT.usage);
  }
  print(text);
  return EXIT.ok;
}
