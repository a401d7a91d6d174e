import { EOF, tokenMatcher, type IRecognitionException, type IToken } from "chevrotain";
import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { diagnostic } from "../diagnostics/report.js";
import { suggest } from "../diagnostics/suggest.js";
import { positionAt, span, type SourceFile, type Span } from "../source/file.js";
import type { FileNode } from "./ast.js";
import { build } from "./build.js";
import { Grammar } from "./grammar.js";
import { isBoundary, layOut } from "./layout.js";
import { lex, printable, spanOf } from "./lexer.js";
import * as t from "./tokens.js";

export interface Parsed {
  readonly tree: FileNode;
  /** In the order of the text. */
  readonly diagnostics: readonly Diagnostic[];
}

let grammar: Grammar | undefined;

/**
 * Parses a file. Never throws and always gives a tree: what cannot be read is reported and stands in the tree as an
 * error expression, an empty name, or not at all. Takes time linear in the length of the text.
 */
export function parse(file: SourceFile): Parsed {
  const { tokens: words, comments, diagnostics: lexical } = lex(file);
  const { tokens, diagnostics: structural } = layOut(file, words);
  grammar ??= new Grammar();
  const root = grammar.read(tokens);
  const syntactic = [
    ...grammar.errors.map((error) => describe(file, error)),
    ...grammar.leftovers.map((token, i) => leftover(file, token, grammar!.beforeLeftovers[i])),
  ];
  const built: Diagnostic[] = [];
  const tree = build(file, root, comments, built);
  grammar.input = [];
  const diagnostics = withoutEchoes(tokens, [...lexical, ...structural], [...syntactic, ...built]);
  return { tree, diagnostics: diagnostics.sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0)) };
}

/**
 * One mistake often disturbs the rest of its clause. Of the syntax errors in one clause only the first is kept, and
 * none where the characters or brackets of the clause are wrong already.
 */
function withoutEchoes(tokens: readonly IToken[], sure: readonly Diagnostic[], doubtful: readonly Diagnostic[]): Diagnostic[] {
  const starts = tokens.filter(isBoundary).map((token) => token.startOffset);
  const clauseAt = (offset: number): number => {
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const disturbed = new Set<number>();
  for (const { span: at } of sure) if (at !== undefined) disturbed.add(clauseAt(at.start));
  const kept = [...sure];
  for (const d of [...doubtful].sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0))) {
    const clause = clauseAt(d.span?.start ?? 0);
    if (d.severity === "error" && disturbed.has(clause)) continue;
    if (d.severity === "error") disturbed.add(clause);
    kept.push(d);
  }
  return kept;
}

function describe(file: SourceFile, error: IRecognitionException): Diagnostic {
  const expected = error.message;
  const token = error.token;
  const last = (error as { previousToken?: IToken }).previousToken;
  // A clause that is not finished ends where its last token does, not at the brace on the next line.
  const endsLine = token.tokenType === t.RCurly && last !== undefined && lineOf(file, last) < lineOf(file, token);
  const at = token.tokenType === EOF || endsLine ? endOf(file, last) : spanOf(file, token);
  const found = endsLine ? "the end of the line" : describeToken(token);
  if (expected !== "an expression") return diagnostic("ATTN1010", at, { expected, found }, { hint: hintFor(expected, token) });
  const hint = token.tokenType === t.Dot ? "a number below one is written with its zero: `0.5`" : undefined;
  return diagnostic("ATTN1011", at, { found }, { hint });
}

function lineOf(file: SourceFile, token: IToken): number {
  return positionAt(file, token.startOffset).line;
}

function hintFor(expected: string, token: IToken): string | undefined {
  if (expected === "a name") {
    return Object.hasOwn(t.reserved, token.image) ? "`if`, `else` and `in` cannot be names" : undefined;
  }
  if (token.tokenType === t.Equal && /[)\]>]`$/.test(expected)) return "to compare, write `==`";
  if (!tokenMatcher(token, t.Name)) return undefined;
  const words = [...expected.matchAll(/`([a-z]+)/g)].map((match) => match[1]!);
  const near = suggest(token.image, words);
  return near === undefined ? undefined : `did you mean \`${near}\`?`;
}

/** The place just after the last token of a file. */
function endOf(file: SourceFile, last: IToken | undefined): Span {
  const end = last === undefined || Number.isNaN(last.startOffset) ? file.text.length : spanOf(file, last).end;
  return span(file, end, end);
}

function describeToken(token: IToken): string {
  const kind = token.tokenType;
  if (kind === EOF) return "the end of the file";
  if (token.image === "") return kind === t.Separator || kind === t.RCurly ? "the end of the line" : "the end of the clause";
  if (tokenMatcher(token, t.StringToken)) return `the string ${printable(token.image)}`;
  return `\`${printable(token.image)}\``;
}

const wordOperators: Readonly<Record<string, string>> = { and: "&", or: "|", AND: "&", OR: "|", mod: "%" };

/** What stands after the end of a clause, on the same line. */
function leftover(file: SourceFile, token: IToken, before: IToken | undefined): Diagnostic {
  const at = spanOf(file, token);
  const operator = wordOperators[token.image];
  if (operator !== undefined) return diagnostic("ATTN1019", at, { written: token.image }, { hint: `write \`${operator}\`` });
  if (token.tokenType === t.Equal) {
    return diagnostic("ATTN1019", at, { written: "=" }, { hint: "to compare, write `==`" });
  }
  if (before?.image === "not") return diagnostic("ATTN1019", spanOf(file, before), { written: "not" }, { hint: "write `!`" });
  return diagnostic("ATTN1018", at, { found: describeToken(token) }, misspelled(token));
}

/** Words that go on with a clause behind an expression. */
const continuing = ["min", "max", "over", "from"];

/** A word after a clause that is nearly one that continues it, or starts the next. */
function misspelled(token: IToken): { readonly hint?: string } {
  if (!tokenMatcher(token, t.Name) || token.image.length < 3) return {};
  const near = suggest(token.image, [...continuing, ...Object.keys(t.clauseKeywords)]);
  if (near === undefined) return {};
  const where = continuing.includes(near) ? "" : " The next clause stands on a line of its own or after `;`";
  return { hint: `did you mean \`${near}\`?${where}` };
}
