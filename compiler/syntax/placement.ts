import { positionAt, type SourceFile } from "../source/file.js";
import type { Comment } from "./ast.js";
import type { InnerComment } from "./writer.js";

/** A comment on lines of its own, before what it is about. */
export interface OuterComment {
  readonly text: string;
  readonly blankBefore: boolean;
}

/** What the writer of a file asks about the text it came from. All questions are asked in the order of the text. */
export interface Placement {
  /** The comments inside a clause or a head that reaches from one offset to another. */
  inner(start: number, end: number): readonly InnerComment[];
  /** The comments before an offset that have not been taken yet; they are taken now. */
  before(offset: number): readonly OuterComment[];
  /** The comment at the end of the line on which something ends. */
  trailing(end: number): string | undefined;
  /** Goes past something written, and takes the comment at the end of its line. */
  pass(end: number): string | undefined;
  /** Whether an empty line, or one with a comment, stands between two offsets. */
  apart(end: number, start: number): boolean;
  /** Whether an empty line stands between what was passed last and an offset. */
  blankBefore(offset: number): boolean;
  /** Whether a body is on one line, without comments. */
  onOneLine(start: number, end: number): boolean;
  /** The offset after the first `{` from an offset on. */
  afterBrace(offset: number): number;
}

/** For a tree that has no text: no comments, and no empty lines but between declarations. */
export const unplaced: Placement = {
  inner: () => [],
  before: () => [],
  trailing: () => undefined,
  pass: () => undefined,
  apart: () => false,
  blankBefore: () => false,
  onOneLine: () => false,
  afterBrace: (offset) => offset,
};

/** A token as far as comments care. */
export interface PlacedToken {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const binaryOperators = new Set(["+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "in", "&", "|"]);

/** The placement of a text without syntax errors. */
export class TextPlacement implements Placement {
  private next = 0;
  private last = 0;
  private readonly starts: readonly number[];
  /** How many tokens that are no parentheses stand before each token. */
  private readonly counts: readonly number[];

  constructor(
    private readonly file: SourceFile,
    private readonly tokens: readonly PlacedToken[],
    private readonly comments: readonly Comment[],
  ) {
    this.starts = tokens.map((token) => token.start);
    let count = 0;
    this.counts = tokens.map(({ text }) => (text === "(" || text === ")" ? count : count++));
    (this.counts as number[]).push(count);
  }

  inner(start: number, end: number): readonly InnerComment[] {
    const found: InnerComment[] = [];
    const first = this.counts[this.tokenAt(start)]!;
    for (let i = this.commentAt(start); i < this.comments.length && this.comments[i]!.span.start < end; i++) {
      const comment = this.comments[i]!;
      const index = this.tokenAt(comment.span.start);
      const ownLine = this.hasOwnLine(comment);
      const text = this.textOf(comment);
      // A comment after an operator is about the operand before it: operators start lines.
      const after = this.counts[index]! - first - (this.followsOperator(index) ? 1 : 0);
      found.push({ after, text, ownLine, endsLine: ownLine || comment.kind !== "block" || text.includes("\n") });
    }
    return found;
  }

  before(offset: number): readonly OuterComment[] {
    const found: OuterComment[] = [];
    for (; this.next < this.comments.length && this.comments[this.next]!.span.start < offset; this.next++) {
      const comment = this.comments[this.next]!;
      found.push({ text: this.textOf(comment), blankBefore: this.blankBefore(comment.span.start) });
      this.last = comment.span.end;
    }
    return found;
  }

  trailing(end: number): string | undefined {
    const comments = this.trailingComments(end);
    return comments.length === 0 ? undefined : comments.map((comment) => this.textOf(comment)).join(" ");
  }

  pass(end: number): string | undefined {
    const comments = this.trailingComments(end);
    this.next = Math.max(this.next, this.commentAt(end)) + comments.length;
    this.last = comments.at(-1)?.span.end ?? end;
    return this.trailing(end);
  }

  apart(end: number, start: number): boolean {
    return this.lineAt(start) - this.lineAt(end) > 1;
  }

  blankBefore(offset: number): boolean {
    return this.apart(this.last, offset);
  }

  onOneLine(start: number, end: number): boolean {
    const comment = this.comments[this.commentAt(start)];
    return this.lineAt(start) === this.lineAt(end) && (comment === undefined || comment.span.start >= end);
  }

  afterBrace(offset: number): number {
    let index = this.tokenAt(offset);
    while (index < this.tokens.length && this.tokens[index]!.text !== "{") index++;
    return this.tokens[index]?.end ?? offset;
  }

  // --------------------------------------------------------------------- places

  /** All comments between the end of something and the end of its line, unless more than comments follows. */
  private trailingComments(end: number): readonly Comment[] {
    const first = this.commentAt(end);
    let next = first;
    let line = this.lineAt(end);
    for (; next < this.comments.length && this.lineAt(this.comments[next]!.span.start) === line; next++) {
      line = this.lineAt(this.comments[next]!.span.end);
    }
    if (next === first) return [];
    let index = this.tokenAt(end);
    if (this.tokens[index]?.text === ";" && this.tokens[index]!.start < this.comments[first]!.span.start) index++;
    const token = this.tokens[index];
    const followed = token !== undefined && (token.start < this.comments[next - 1]!.span.start || this.lineAt(token.start) === line);
    return followed ? [] : this.comments.slice(first, next);
  }

  private textOf(comment: Comment): string {
    return comment.kind === "block" ? comment.text.replace(/\r\n?/g, "\n") : comment.text.trimEnd();
  }

  private lineAt(offset: number): number {
    return positionAt(this.file, offset).line;
  }

  /** Whether nothing else stands on the lines of a comment. */
  private hasOwnLine({ span }: Comment): boolean {
    const { text, lineStarts } = this.file;
    const before = text.slice(lineStarts[this.lineAt(span.start) - 1]!, span.start);
    const after = text.slice(span.end, lineStarts[this.lineAt(span.end)] ?? text.length);
    return before.trim() === "" && after.trim() === "";
  }

  /** Whether an operator between two operands stands before a token, perhaps with parentheses that open. */
  private followsOperator(index: number): boolean {
    let last = index - 1;
    while (this.tokens[last]?.text === "(") last--;
    const [before, token] = [this.tokens[last - 1], this.tokens[last]];
    if (token === undefined || before === undefined || !binaryOperators.has(token.text)) return false;
    return /[\w"?)\]]$/.test(before.text) && !["in", "if", "else"].includes(before.text);
  }

  /** The first token at or after an offset. */
  private tokenAt(offset: number): number {
    return lowerBound(this.starts.length, (i) => this.starts[i]!, offset);
  }

  private commentAt(offset: number): number {
    return lowerBound(this.comments.length, (i) => this.comments[i]!.span.start, offset);
  }
}

/** The first index of a rising sequence whose value is at least `wanted`. */
function lowerBound(length: number, value: (i: number) => number, wanted: number): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value(middle) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
