import { Lexer, type IToken, type TokenType } from "chevrotain";
import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { diagnostic } from "../diagnostics/report.js";
import { span, type SourceFile, type Span } from "../source/file.js";
import type { Comment } from "./ast.js";
import { checkNumber } from "./numbers.js";
import { checkString } from "./strings.js";
import * as t from "./tokens.js";

export interface Lexed {
  readonly tokens: IToken[];
  readonly comments: readonly Comment[];
  readonly diagnostics: readonly Diagnostic[];
}

const lexer = new Lexer(t.lexedTokens, { positionTracking: "onlyOffset", ensureOptimizations: false, skipValidations: true });

const reservedKinds = new Map<string, TokenType>(Object.entries(t.reserved));
const innerKinds = new Map<string, TokenType>(Object.entries(t.innerWords));

/** What stands here for an operator of another language. */
const foreign: Readonly<Record<string, { readonly kind: TokenType; readonly text: string }>> = {
  "&&": { kind: t.And, text: "&" },
  "||": { kind: t.Or, text: "|" },
  "===": { kind: t.EqualEqual, text: "==" },
  "!==": { kind: t.NotEqual, text: "!=" },
  "<>": { kind: t.NotEqual, text: "!=" },
  "=<": { kind: t.LessEqual, text: "<=" },
  "=>": { kind: t.Arrow, text: "->" },
  ":=": { kind: t.Equal, text: "=" },
};

/** What people may have meant by a character that the language does not use. */
const lookalikes: Readonly<Record<string, string>> = {
  "−": "-",
  "–": "-",
  "—": "-",
  "×": "*",
  "·": "*",
  "÷": "/",
  "≤": "<=",
  "≥": ">=",
  "≠": "!=",
  "→": "->",
  "∈": "in",
  "∧": "&",
  "∨": "|",
  "¬": "!",
  "~": "!",
  "“": '"',
  "”": '"',
  "'": '"',
  "‘": '"',
  "’": '"',
};

/** The tokens of a file in order, with comments apart. Characters that mean nothing are reported and left out. */
export function lex(file: SourceFile): Lexed {
  const result = lexer.tokenize(file.text);
  const diagnostics: Diagnostic[] = [];
  // With offsets alone the lexer is faster, but leaves the end of a token to us.
  for (const token of [...result.tokens, ...(result.groups["comments"] ?? [])]) {
    token.endOffset = token.startOffset + token.image.length - 1;
  }
  const comments = (result.groups["comments"] ?? []).map((token) => comment(file, token, diagnostics));
  for (const token of result.tokens) {
    if (token.tokenType === t.Word) {
      token.tokenType = reservedKinds.get(token.image) ?? innerKinds.get(token.image) ?? t.Word;
    } else if (token.tokenType === t.NumberToken) {
      diagnostics.push(...checkNumber(spanOf(file, token)));
    } else if (token.tokenType === t.StringToken || token.tokenType === t.OpenString) {
      diagnostics.push(...checkString(spanOf(file, token), token.tokenType === t.OpenString));
    } else if (token.tokenType === t.ForeignOp) {
      diagnostics.push(translate(file, token));
    }
    token.tokenTypeIdx = token.tokenType.tokenTypeIdx!;
  }
  for (const error of result.errors) diagnostics.push(strayCharacters(span(file, error.offset, error.offset + error.length)));
  return { tokens: result.tokens, comments, diagnostics };
}

export function spanOf(file: SourceFile, token: IToken): Span {
  return span(file, token.startOffset, token.startOffset + token.image.length);
}

function comment(file: SourceFile, token: IToken, diagnostics: Diagnostic[]): Comment {
  const at = spanOf(file, token);
  if (token.tokenType === t.OpenComment) {
    diagnostics.push(diagnostic("ATTN1003", span(file, at.start, at.start + 2), {}));
  }
  const kind = token.tokenType === t.DocComment ? "doc" : token.tokenType === t.LineComment ? "line" : "block";
  return { kind, text: token.image, span: at };
}

function translate(file: SourceFile, token: IToken): Diagnostic {
  const written = token.image;
  const known = foreign[written];
  if (known === undefined) {
    token.tokenType = t.Star;
    return diagnostic("ATTN1019", spanOf(file, token), { written }, { hint: "there is no power operator; multiply instead" });
  }
  token.tokenType = known.kind;
  return diagnostic("ATTN1019", spanOf(file, token), { written }, { hint: `write \`${known.text}\`` });
}

function strayCharacters(at: Span): Diagnostic {
  const text = at.file.text.slice(at.start, at.end);
  const characters = [...text];
  const shown = characters.length === 1 ? nameCharacter(text) : `\`${printable(text)}\``;
  const meant = lookalikes[characters[0]!];
  if (meant !== undefined) return diagnostic("ATTN1001", at, { shown }, { hint: `write \`${meant}\`` });
  if (/\p{L}/u.test(text)) {
    return diagnostic("ATTN1001", at, { shown }, { hint: "names are made of the letters a to z, digits and `_`" });
  }
  return diagnostic("ATTN1001", at, { shown });
}

/** `` `§` (U+00A7) ``; the code alone for what cannot be seen. */
function nameCharacter(character: string): string {
  const code = `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
  if (/[\p{C}\p{Z}]/u.test(character)) return `the character ${code}`;
  return /[ -~]/.test(character) ? `\`${character}\`` : `\`${character}\` (${code})`;
}

/** Text for a message: one line, nothing invisible, not too long. */
export function printable(text: string): string {
  const characters = [...text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\uFFFD")];
  return characters.length <= 40 ? characters.join("") : `${characters.slice(0, 39).join("")}…`;
}
