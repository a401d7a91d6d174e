import { createTokenInstance, type IToken, type TokenType } from "chevrotain";
import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { diagnostic } from "../diagnostics/report.js";
import { suggest } from "../diagnostics/suggest.js";
import { positionAt, span, type SourceFile } from "../source/file.js";
import { maxNesting, pairBrackets, type Brackets } from "./brackets.js";
import { joinsLines } from "./continuation.js";
import { printable, spanOf } from "./lexer.js";
import * as t from "./tokens.js";

/** The tokens as the grammar wants them. */
export interface LaidOut {
  readonly tokens: IToken[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Between lexer and grammar: makes a separator of each newline that ends a clause, gives words their keyword kind
 * where they stand at its place, and repairs brackets, so that the grammar meets balanced ones only. What is between
 * declarations and is none is reported and left out.
 */
export function layOut(file: SourceFile, tokens: readonly IToken[]): LaidOut {
  return new Layout(file, tokens).run();
}

/** What an open bracket holds: clauses, cases of an `assign`, or a list in which newlines count for nothing. */
type Role = "clauses" | "cases" | "list";

interface Open {
  readonly opener: IToken;
  readonly role: Role;
  /** False where the text has no bracket that closes it. */
  readonly paired: boolean;
}

const closerOf = new Map<TokenType, { readonly kind: TokenType; readonly text: string }>([
  [t.LParen, { kind: t.RParen, text: ")" }],
  [t.LBracket, { kind: t.RBracket, text: "]" }],
  [t.LCurly, { kind: t.RCurly, text: "}" }],
]);
const blockKeywords = new Set<TokenType>(["select", "branch", "on", "assign"].map((w) => t.clauseKeywords[w as "select"]));

class Layout {
  private readonly out: IToken[] = [];
  private readonly diagnostics: Diagnostic[] = [];
  private readonly open: Open[] = [];
  private readonly startsLine: Uint8Array;
  private readonly brackets: Brackets;
  /** What is being read at the outermost level. */
  private item: "none" | "import" | "declaration" | "junk" = "none";
  /** The clause being read: its mark, its first token, and the kind that had before it became a keyword. */
  private clause: { readonly mark: IToken; readonly token: IToken; readonly before: TokenType; hasBlock: boolean } | undefined;
  private reportedDepth = false;
  /** Whether a parenthesis of this clause has been reported, or need not be. */
  private quiet = false;

  constructor(
    private readonly file: SourceFile,
    private readonly tokens: readonly IToken[],
  ) {
    this.startsLine = lineStarts(file, tokens);
    this.brackets = pairBrackets(tokens, this.startsLine);
  }

  run(): LaidOut {
    for (let i = 0; i < this.tokens.length; i++) {
      if (this.brackets.tooDeep[i]) this.reportDepth(this.tokens[i]!);
      else i = this.step(i);
    }
    this.closeAll();
    return { tokens: this.out, diagnostics: this.diagnostics };
  }

  /** Handles the token at `i`; gives back the index of the last token used. */
  private step(i: number): number {
    const token = this.tokens[i]!;
    const kind = token.tokenType;
    if (this.brackets.startsDeclaration[i]) {
      this.closeAll();
      this.item = "none";
    }
    if (this.open.length === 0 && !this.atTopLevel(token)) return i;
    if (kind === t.Semicolon) {
      this.closeUnpaired();
      this.separate(token.startOffset, token.image);
      return i;
    }
    if (this.startsLine[i] && i > 0 && !joinsLines(this.tokens, this.startsLine, i)) {
      this.closeUnpaired();
      this.separate(this.lastEnd(), "");
    }
    if (isCloser(token)) {
      this.close(i);
      return i;
    }
    if (kind === t.LCurly) this.closeUnpaired();
    const place = this.open.at(-1);
    if (place !== undefined && place.role !== "list" && this.atStart()) this.startClause(i, place.role);
    if (kind === t.LCurly && place !== undefined && !this.blockFits(place.role)) return this.skipBlock(i);
    this.emit(token);
    if (closerOf.has(kind)) this.push(i);
    else if (kind === t.PlusEqual && place?.role === "clauses") this.accumulate();
    return i;
  }

  // -------------------------------------------------------------- declarations

  /** Follows what stands outside of all brackets; false for a token to leave out. */
  private atTopLevel(token: IToken): boolean {
    if (this.item === "none") {
      if (token.tokenType === t.Semicolon) return false;
      if (isCloser(token)) {
        this.diagnostics.push(diagnostic("ATTN1015", spanOf(this.file, token), { bracket: `\`${token.image}\`` }));
        return false;
      }
      if (Object.hasOwn(t.declarationKeywords, token.image)) {
        setKind(token, t.declarationKeywords[token.image as "import"]);
        this.item = token.image === "import" ? "import" : "declaration";
      } else {
        this.item = "junk";
        const near = /^\w/.test(token.image) ? suggest(token.image, Object.keys(t.declarationKeywords)) : undefined;
        const hint = near === undefined ? undefined : `did you mean \`${near}\`?`;
        this.diagnostics.push(diagnostic("ATTN1013", spanOf(this.file, token), { found: `\`${printable(token.image)}\`` }, { hint }));
      }
    } else if (this.item === "import" && token.tokenType === t.StringToken) {
      this.item = "none";
      this.emit(token);
      return false;
    }
    return this.item !== "junk";
  }

  // ------------------------------------------------------------------- clauses

  private atStart(): boolean {
    const last = this.out.at(-1)?.tokenType;
    return last === t.LCurly || last === t.Separator;
  }

  private startClause(i: number, role: Role): void {
    const token = this.tokens[i]!;
    const before = token.tokenType;
    if (role === "cases") {
      if (before !== t.innerWords.when && before !== t.reserved.else) this.emit(virtual(t.UnknownClause, "", token.startOffset, token));
      return;
    }
    const known = Object.hasOwn(t.clauseKeywords, token.image);
    if (known) setKind(token, t.clauseKeywords[token.image as "let"]);
    const mark = virtual(known ? t.KeywordClause : t.UnknownClause, "", token.startOffset, token);
    this.emit(mark);
    this.clause = { mark, token, before, hasBlock: false };
  }

  /** A clause with `+=` starts with an expression, whatever its first word is. */
  private accumulate(): void {
    if (this.clause === undefined) return;
    setKind(this.clause.mark, t.AccumulateClause);
    setKind(this.clause.token, this.clause.before);
  }

  /** Whether the clause being read is one that goes on with `{`, and has not yet done so. */
  private blockFits(role: Role): boolean {
    const { clause } = this;
    if (role !== "clauses" || clause === undefined || clause.hasBlock || !blockKeywords.has(clause.token.tokenType)) return false;
    clause.hasBlock = true;
    return true;
  }

  /** Leaves out a block that belongs to no clause; gives back the index of its end. */
  private skipBlock(i: number): number {
    const token = this.tokens[i]!;
    if (this.clause?.mark.tokenType !== t.UnknownClause) {
      this.diagnostics.push(diagnostic("ATTN1018", spanOf(this.file, token), { found: "`{`" }));
    }
    const end = this.brackets.partner[i]!;
    if (end >= 0) return end;
    this.reportOpen(token);
    let next = i + 1;
    while (next < this.tokens.length && !this.brackets.startsDeclaration[next]) next++;
    return next - 1;
  }

  private separate(offset: number, text: string): void {
    const place = this.open.at(-1);
    if (place === undefined || place.role === "list" || this.atStart()) return;
    this.emit(virtual(t.Separator, text, offset));
  }

  // ------------------------------------------------------------------ brackets

  private push(i: number): void {
    const opener = this.tokens[i]!;
    this.open.push({ opener, role: this.roleOf(i), paired: this.brackets.partner[i]! >= 0 });
  }

  private roleOf(i: number): Role {
    if (this.tokens[i]!.tokenType !== t.LCurly || (this.open.length === 0 && this.item === "import")) return "list";
    if (this.open.length === 0 || this.clause?.token.tokenType !== t.clauseKeywords.assign) return "clauses";
    const [first, second] = [this.tokens[i + 1], this.tokens[i + 2]];
    const names = first?.tokenType === t.RCurly || second?.tokenType === t.Comma || second?.tokenType === t.RCurly;
    return names && first?.tokenType !== t.reserved.else ? "list" : "cases";
  }

  /** Handles a closing bracket of the text. */
  private close(i: number): void {
    const token = this.tokens[i]!;
    const top = this.open.at(-1);
    if (this.brackets.partner[i]! < 0) {
      const opener = top === undefined || top.paired || top.role !== "list" ? undefined : top.opener;
      const labels = opener === undefined ? [] : [{ span: spanOf(this.file, opener), text: "this bracket is still open" }];
      const report = diagnostic("ATTN1015", spanOf(this.file, token), { bracket: `\`${token.image}\`` }, { labels });
      if (token.tokenType === t.RCurly) this.diagnostics.push(report);
      else this.reportOnce(report);
      // A bracket of the wrong kind is meant for the one that is open.
      if (opener !== undefined) this.closeTop(token.startOffset);
      return;
    }
    const opener = this.tokens[this.brackets.partner[i]!]!;
    while (this.open.length > 0 && this.open.at(-1)!.opener !== opener) {
      this.reportOpen(this.open.at(-1)!.opener);
      this.closeTop(this.lastEnd());
    }
    if (this.out.at(-1)?.tokenType === t.Separator) this.out.pop();
    this.emit(token);
    this.open.pop();
    this.leave(opener);
  }

  private leave(opener: IToken): void {
    if (opener.tokenType !== t.LCurly) return;
    // What comes after a block goes on with the clause that the block belongs to: nothing may.
    this.clause = undefined;
    if (this.open.length === 0 && this.item === "declaration") this.item = "none";
  }

  /** Closes the parentheses that the text leaves open, where a clause ends. */
  private closeUnpaired(): void {
    for (let top = this.open.at(-1); top !== undefined && top.role === "list" && !top.paired; top = this.open.at(-1)) {
      if (top.opener.tokenType === t.LCurly) return;
      this.reportOpen(top.opener);
      this.closeTop(this.lastEnd());
    }
  }

  private closeAll(): void {
    while (this.open.length > 0) {
      this.reportOpen(this.open.at(-1)!.opener);
      this.closeTop(this.lastEnd());
    }
  }

  private closeTop(offset: number): void {
    const { opener } = this.open.pop()!;
    if (this.out.at(-1)?.tokenType === t.Separator) this.out.pop();
    const closer = closerOf.get(opener.tokenType)!;
    this.emit(virtual(closer.kind, "", offset));
    this.leave(opener);
  }

  private reportOpen(opener: IToken): void {
    const end = this.lastEnd();
    const labels = [{ span: spanOf(this.file, opener), text: `this \`${opener.image}\` is never closed` }];
    const closer = `\`${closerOf.get(opener.tokenType)!.text}\``;
    const report = diagnostic("ATTN1014", span(this.file, end, end), { closer }, { labels });
    if (opener.tokenType === t.LCurly) this.diagnostics.push(report);
    else this.reportOnce(report);
  }

  /** Of the parentheses that are wrong in one clause only the first is reported, and none after an open string. */
  private reportOnce(report: Diagnostic): void {
    if (!this.quiet) this.diagnostics.push(report);
    this.quiet = true;
  }

  private emit(token: IToken): void {
    this.out.push(token);
    if (isBoundary(token)) this.quiet = false;
    else if (token.tokenType === t.OpenString) this.quiet = true;
  }

  private reportDepth(token: IToken): void {
    if (this.reportedDepth) return;
    this.reportedDepth = true;
    this.diagnostics.push(diagnostic("ATTN1016", spanOf(this.file, token), { limit: maxNesting }));
  }

  /** Where the last token of the text that was used ends. */
  private lastEnd(): number {
    const last = this.out.at(-1);
    return last === undefined ? 0 : last.startOffset + last.image.length;
  }
}

/** Whether a token ends a clause or holds clauses. */
export function isBoundary({ tokenType: kind }: IToken): boolean {
  return kind === t.Separator || kind === t.LCurly || kind === t.RCurly;
}

function isCloser(token: IToken): boolean {
  return token.tokenType === t.RParen || token.tokenType === t.RBracket || token.tokenType === t.RCurly;
}

function setKind(token: IToken, kind: TokenType): void {
  token.tokenType = kind;
  token.tokenTypeIdx = kind.tokenTypeIdx!;
}

/** A token that the text does not have: of no width, or a separator written as `;`. */
function virtual(kind: TokenType, text: string, offset: number, payload?: IToken): IToken {
  const token = createTokenInstance(kind, text, offset, offset + text.length - 1, NaN, NaN, NaN, NaN);
  if (payload !== undefined) token.payload = payload;
  return token;
}

/** 1 for each token with a newline between it and the token before it. */
function lineStarts(file: SourceFile, tokens: readonly IToken[]): Uint8Array {
  const starts = new Uint8Array(tokens.length);
  let line = 0;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    const before = line;
    if (line === 0) line = positionAt(file, token.startOffset).line;
    while (line < file.lineStarts.length && file.lineStarts[line]! <= token.startOffset) line++;
    if (i === 0 || line > before) starts[i] = 1;
  }
  return starts;
}
