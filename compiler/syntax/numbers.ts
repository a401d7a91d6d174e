import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { diagnostic } from "../diagnostics/report.js";
import { textOf, type Span } from "../source/file.js";

/** What is wrong with a number as written, if anything. */
export function checkNumber(at: Span): Diagnostic[] {
  const text = textOf(at);
  const form = /^\d+(\.\d+)?([eE][+-]?\d+)?$/.exec(text);
  if (form === null) return [diagnostic("ATTN1004", at, { text: shorten(text) }, { hint: malformedHint(text) })];
  const value = Number(text);
  const integer = form[1] === undefined && form[2] === undefined;
  const exact = integer
    ? Number.isSafeInteger(value)
    : Number.isFinite(value) && (value !== 0 || !/[1-9]/.test(text.replace(/[eE].*$/, "")));
  return exact ? [] : [diagnostic("ATTN1005", at, { text: shorten(text) })];
}

/** The value of a number token; 0 where it is malformed, which has been reported. */
export function numberValue(text: string): { readonly value: number; readonly integer: boolean } {
  const value = Number(text);
  return { value: Number.isFinite(value) ? value : 0, integer: /^\d+$/.test(text) };
}

function malformedHint(text: string): string {
  if (/^0[xXbBoO]/.test(text)) return "numbers are written in base ten";
  if (text.includes("_")) return "write the digits without `_`";
  if (/^\d+\.$/.test(text)) return "write a digit after the point, or leave the point out";
  if (!/^\d+[eE]$/.test(text) && /^\d+[A-Za-z]\w*$/.test(text)) return "a name cannot start with a digit; for a product write `*`";
  return "a number is digits, perhaps with a point and an exponent: `64`, `0.5`, `1e-3`";
}

function shorten(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 39)}…`;
}
