import { span, type SourceFile, type Span } from "../../source/file.js";

/** A JSON value that remembers where it stands. */
export type JsonNode =
  | { readonly kind: "number"; readonly value: number; readonly span: Span }
  | { readonly kind: "string"; readonly value: string; readonly span: Span }
  | { readonly kind: "literal"; readonly value: boolean | null; readonly span: Span }
  | { readonly kind: "array"; readonly items: readonly JsonNode[]; readonly span: Span }
  | { readonly kind: "object"; readonly fields: ReadonlyMap<string, JsonNode>; readonly span: Span };

export interface JsonProblem {
  readonly kind: "syntax";
  readonly span: Span;
  readonly problem: string;
}

/** Deeper nesting than any table has; it keeps a hostile file from exhausting the stack. */
const MAX_DEPTH = 64;

/** Reads JSON text, keeping the place of every value: `JSON.parse` knows no lines. */
export function readJson(file: SourceFile): JsonNode | JsonProblem {
  const { text } = file;
  let at = 0;

  class Stop extends Error {
    constructor(readonly problem: JsonProblem) {
      super(problem.problem);
    }
  }

  const fail = (problem: string): never => {
    throw new Stop({ kind: "syntax", span: span(file, at, Math.min(at + 1, text.length)), problem });
  };
  const blanks = (): void => {
    while (/[ \t\r\n]/.test(text.charAt(at))) at++;
  };
  const expect = (c: string): void => {
    blanks();
    if (text.charAt(at) !== c) fail(`expected \`${c}\``);
    at++;
  };
  /** The text of a token that matches at the place at hand. */
  const token = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const string = (): string => {
    const start = at;
    const raw = token(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y);
    if (raw === undefined) {
      at = start;
      return fail("expected a text in double quotes");
    }
    return JSON.parse(raw) as string;
  };
  const members = (close: string, member: () => void): void => {
    at++;
    blanks();
    if (text.charAt(at) === close) {
      at++;
      return;
    }
    for (;;) {
      member();
      blanks();
      if (text.charAt(at) === close) break;
      expect(",");
    }
    at++;
  };
  const value = (depth: number): JsonNode => {
    blanks();
    if (depth > MAX_DEPTH) fail("nested too deeply");
    const start = at;
    const here = (): Span => span(file, start, at);
    const c = text.charAt(at);
    if (c === "[") {
      const items: JsonNode[] = [];
      members("]", () => items.push(value(depth + 1)));
      return { kind: "array", items, span: here() };
    }
    if (c === "{") {
      const fields = new Map<string, JsonNode>();
      members("}", () => {
        blanks();
        const key = string();
        expect(":");
        fields.set(key, value(depth + 1));
      });
      return { kind: "object", fields, span: here() };
    }
    if (c === '"') return { kind: "string", value: string(), span: here() };
    const number = token(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y);
    if (number !== undefined) return { kind: "number", value: Number(number), span: here() };
    const word = token(/true|false|null/y);
    if (word !== undefined) return { kind: "literal", value: word === "null" ? null : word === "true", span: here() };
    return fail(at >= text.length ? "the text ends too early" : "expected a value");
  };

  try {
    const root = value(0);
    blanks();
    if (at < text.length) fail("expected the end of the file");
    return root;
  } catch (stop) {
    if (stop instanceof Stop) return stop.problem;
    throw stop;
  }
}
