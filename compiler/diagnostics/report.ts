import type { Span } from "../source/file.js";
import { catalogue, type DiagnosticCode, type MessageParams } from "./catalogue.js";
import type { Diagnostic, Label } from "./diagnostic.js";

export interface DiagnosticExtra {
  /** Takes the place of the hint of the message page. */
  readonly hint?: string | undefined;
  readonly labels?: readonly Label[] | undefined;
}

/**
 * A diagnostic with the text of its page. `params` are the values for the `{words}` of message and hint.
 * `span` is undefined only where there is no source text.
 */
export function diagnostic<C extends DiagnosticCode>(
  code: C,
  span: Span | undefined,
  params: MessageParams[C],
  extra: DiagnosticExtra = {},
): Diagnostic {
  const entry = catalogue[code];
  const hint = extra.hint ?? (entry.hint === undefined ? undefined : fill(entry.hint, params));
  return {
    code,
    severity: entry.severity,
    message: fill(entry.message, params),
    ...(span === undefined ? {} : { span }),
    ...(hint === undefined ? {} : { hint }),
    ...(extra.labels === undefined || extra.labels.length === 0 ? {} : { labels: extra.labels }),
  };
}

/** The long explanation of a code, for `attnc explain CODE`; undefined when there is no such code. */
export function explanation(code: string): string | undefined {
  const entry = Object.hasOwn(catalogue, code) ? catalogue[code as DiagnosticCode] : undefined;
  return entry === undefined ? undefined : `# ${code}: ${entry.title}\n\n${entry.page}`;
}

function fill(template: string, params: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{([a-z][A-Za-z0-9]*)\}/g, (whole, name: string) =>
    Object.hasOwn(params, name) ? String(params[name]) : whole,
  );
}
