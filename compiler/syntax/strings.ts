import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { diagnostic } from "../diagnostics/report.js";
import { span, textOf, type Span } from "../source/file.js";

const escapes: Readonly<Record<string, string>> = { '"': '"', "\\": "\\", n: "\n", r: "\r", t: "\t" };

/** What is wrong with a string as written: no closing quote, or escapes that are none. */
export function checkString(at: Span, open: boolean): Diagnostic[] {
  if (open) return [diagnostic("ATTN1002", at, {})];
  const found: Diagnostic[] = [];
  for (const match of textOf(at).matchAll(/\\(.)/gsu)) {
    if (Object.hasOwn(escapes, match[1]!)) continue;
    const start = at.start + match.index;
    found.push(diagnostic("ATTN1006", span(at.file, start, start + match[0].length), { escape: match[0] }));
  }
  return found;
}

/** The value of a string token, quotes and escapes resolved. */
export function stringValue(image: string): string {
  const closed = image.length > 1 && image.endsWith('"');
  return image.slice(1, closed ? -1 : undefined).replace(/\\(.)/gsu, (_, letter: string) => escapes[letter] ?? letter);
}

/** The text that reads as this value. */
export function stringText(value: string): string {
  const letters: Readonly<Record<string, string>> = { "\n": "n", "\r": "r", "\t": "t" };
  return `"${value.replace(/[\\"\n\r\t]/g, (c) => `\\${letters[c] ?? c}`)}"`;
}
