import { codeFrameColumns } from "@babel/code-frame";
import pc from "picocolors";
import { positionAt, type SourceFile, type Span } from "../source/file.js";
import type { Diagnostic } from "./diagnostic.js";

export interface RenderOptions {
  /** Terminal colours; off unless asked for. */
  readonly color?: boolean | undefined;
}

/**
 * Diagnostics for people: place, severity, code and message, the lines it is about, a line for each label, the hint,
 * and at the end the count. Empty text for no diagnostics; otherwise it ends with a newline.
 */
export function renderPretty(diagnostics: readonly Diagnostic[], options: RenderOptions = {}): string {
  if (diagnostics.length === 0) return "";
  const color = options.color ?? false;
  return [...diagnostics.map((d) => renderOne(d, color)), `${countLine(diagnostics)}\n`].join("\n");
}

/** `2 errors, 1 warning` */
export function countLine(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter((d) => d.severity === "error").length;
  const warnings = diagnostics.length - errors;
  const parts: string[] = [];
  if (errors > 0) parts.push(`${errors} error${errors === 1 ? "" : "s"}`);
  if (warnings > 0) parts.push(`${warnings} warning${warnings === 1 ? "" : "s"}`);
  return parts.length === 0 ? "no errors" : parts.join(", ");
}

function renderOne(d: Diagnostic, color: boolean): string {
  const paint = pc.createColors(color);
  const severity = d.severity === "error" ? paint.red(paint.bold("error")) : paint.yellow(paint.bold("warning"));
  const where = d.span === undefined ? "" : `${paint.bold(place(d.span))}: `;
  const lines = [`${where}${severity} ${paint.bold(d.code)}: ${d.message}`];
  if (d.span !== undefined) lines.push(frame(d.span, 1, color));
  for (const label of d.labels ?? []) {
    lines.push(`  ${paint.cyan("note")} ${place(label.span)}: ${label.text}`, frame(label.span, 0, color));
  }
  if (d.hint !== undefined) lines.push(`  ${paint.cyan("hint")}: ${d.hint}`);
  return `${lines.join("\n")}\n`;
}

function place(span: Span): string {
  const at = positionAt(span.file, span.start);
  return `${span.file.name}:${at.line}:${at.column}`;
}

/** Of longer lines only a part is shown, with the place about in its middle. */
const longestLine = 160;

/** The first line of a span with marks under it, and up to `context` lines on either side. */
function frame(span: Span, context: number, color: boolean): string {
  const { file } = span;
  const start = positionAt(file, span.start);
  const first = Math.max(1, start.line - context);
  const last = Math.min(file.lineStarts.length, start.line + context);
  const lines: string[] = [];
  for (let line = first; line <= last; line++) lines.push(lineText(file, line));
  // An empty line at the very end of a file says nothing, unless it is the place itself.
  if (last > start.line && last === file.lineStarts.length && lines.at(-1) === "") lines.pop();

  const marked = lines[start.line - first]!;
  const from = marked.length <= longestLine ? 0 : Math.max(0, start.column - longestLine / 2);
  const column = start.column - from;
  // A span that goes on over further lines is marked to the end of its first line.
  const lineEnd = Math.min(span.end - file.lineStarts[start.line - 1]!, marked.length, from + longestLine);
  const options = { linesAbove: context, linesBelow: context, forceColor: color, startLine: first };
  return codeFrameColumns(
    lines.map((line) => clip(line, from)).join("\n"),
    { start: { line: start.line, column }, end: { line: start.line, column: Math.max(column + 1, lineEnd - from + 1) } },
    options,
  );
}

function clip(line: string, from: number): string {
  const part = line.slice(from, from + longestLine);
  return (from > 0 && part !== "" ? `…${part.slice(1)}` : part) + (line.length > from + longestLine ? "…" : "");
}

function lineText(file: SourceFile, line: number): string {
  const text = file.text.slice(file.lineStarts[line - 1]!, file.lineStarts[line] ?? file.text.length);
  // U+2028 and U+2029 end lines for the code frame but not for us.
  return text.replace(/(\r\n|\r|\n)$/, "").replace(/[\u2028\u2029\r]/g, " ");
}

// ----------------------------------------------------------------------- JSON

export interface JsonPosition {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** From 0, in UTF-16 units. */
  readonly offset: number;
}

export interface JsonPlace {
  readonly file: string | null;
  readonly start: JsonPosition | null;
  readonly end: JsonPosition | null;
}

export interface JsonDiagnostic extends JsonPlace {
  readonly code: string;
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly hint: string | null;
  readonly labels: readonly (JsonPlace & { readonly text: string })[];
}

export interface JsonReport {
  readonly version: 1;
  readonly diagnostics: readonly JsonDiagnostic[];
}

/** Diagnostics for tools. Fields are never left out: what is not there is null. */
export function toJson(diagnostics: readonly Diagnostic[]): JsonReport {
  return {
    version: 1,
    diagnostics: diagnostics.map((d) => ({
      code: d.code,
      severity: d.severity,
      message: d.message,
      ...jsonPlace(d.span),
      hint: d.hint ?? null,
      labels: (d.labels ?? []).map((label) => ({ text: label.text, ...jsonPlace(label.span) })),
    })),
  };
}

function jsonPlace(span: Span | undefined): JsonPlace {
  if (span === undefined) return { file: null, start: null, end: null };
  return { file: span.file.name, start: jsonPosition(span.file, span.start), end: jsonPosition(span.file, span.end) };
}

function jsonPosition(file: SourceFile, offset: number): JsonPosition {
  const { line, column } = positionAt(file, offset);
  return { line, column, offset };
}

// --------------------------------------------------------------------- GitHub

/** Workflow commands that GitHub shows as annotations, one to a line. */
export function toGithub(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map((d) => `${githubLine(d)}\n`).join("");
}

function githubLine(d: Diagnostic): string {
  const properties: string[] = [];
  if (d.span !== undefined) {
    const { file } = d.span;
    const start = positionAt(file, d.span.start);
    const end = positionAt(file, d.span.end);
    properties.push(`file=${githubProperty(file.name)}`, `line=${start.line}`, `col=${start.column}`);
    properties.push(`endLine=${end.line}`, `endColumn=${end.column}`);
  }
  properties.push(`title=${d.code}`);
  const notes = (d.labels ?? []).map((label) => `\n${place(label.span)}: ${label.text}`).join("");
  const hint = d.hint === undefined ? "" : `\nhint: ${d.hint}`;
  return `::${d.severity} ${properties.join(",")}::${githubData(`${d.message}${notes}${hint}`)}`;
}

function githubData(text: string): string {
  return text.replace(/%/g, "%25").replace(/\r/g, "%0D").replace(/\n/g, "%0A");
}

function githubProperty(text: string): string {
  return githubData(text).replace(/:/g, "%3A").replace(/,/g, "%2C");
}
