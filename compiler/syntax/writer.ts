import { breakOrNothing, breakOrSpace, newline, type Doc } from "./doc.js";

/** What stands before a token when no comment does. */
export type Gap = "none" | "space" | "break" | "soft";

/** A comment inside a clause: after how many of its tokens it stands, parentheses not counted. */
export interface InnerComment {
  readonly after: number;
  readonly text: string;
  /** Whether it has its line for itself. */
  readonly ownLine: boolean;
  /** Whether a newline must follow: after `//`, after several lines, and where it has its line for itself. */
  readonly endsLine: boolean;
}

const operators = new Set(["+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "in", "&", "|"]);
const joinAfter = new Set([...operators, "!", ",", "=", "+=", "->", ":", ".", "if", "else", "{"]);
const joinBefore = new Set([...operators, ",", "=", "+=", "->", ":", ".", "if", "else", "{"]);

/**
 * Writes the tokens of one clause in order and puts its comments back at their places. The tokens are those of the
 * text except for parentheses, which may come and go.
 */
export class Writer {
  /** Comments for which the clause has no place: to be written before it. */
  readonly displaced: string[] = [];
  private count = 0;
  private next = 0;
  private depth = 0;
  private last = "";

  constructor(private readonly comments: readonly InnerComment[] = []) {}

  token(text: string, gap: Gap = "none"): Doc {
    // A comma stays with what it follows, and the comment comes after it.
    const before = text === "," || text === "{" ? [] : this.flush(text, gap);
    this.count++;
    this.last = text;
    if (text === "[") this.depth++;
    if (text === "]") this.depth--;
    return before.length > 0 ? [...before, text] : [gapDoc(gap), text];
  }

  /** What stands before an expression; its first token is written next. */
  gap(gap: Gap): Doc {
    const before = this.flush("", gap);
    return before.length > 0 ? before : gapDoc(gap);
  }

  /** A parenthesis that opens a group of operands or the arguments of a call. */
  open(): Doc {
    this.depth++;
    return "(";
  }

  close(): Doc {
    this.depth--;
    return ")";
  }

  /** The comments that stand after the last token. */
  rest(): readonly InnerComment[] {
    const left = this.comments.slice(this.next);
    this.next = this.comments.length;
    return left;
  }

  private flush(text: string, gap: Gap): Doc[] {
    const out: Doc[] = [];
    const tight = gap === "none" || gap === "soft";
    let broken = false;
    for (; this.next < this.comments.length && this.comments[this.next]!.after <= this.count; this.next++) {
      const comment = this.comments[this.next]!;
      if (comment.endsLine && !this.mayBreakBefore(text)) {
        this.displaced.push(comment.text);
        continue;
      }
      if (!broken) out.push(comment.ownLine ? newline : comment.endsLine || !tight || out.length > 0 ? " " : "");
      if (comment.endsLine) out.push({ kind: "comment", text: comment.text }, newline);
      else out.push(comment.text);
      broken = comment.endsLine;
    }
    if (out.length > 0 && !broken) out.push(tight ? " " : gapDoc(gap));
    return out;
  }

  /** Whether a newline before this token leaves it in the same clause. */
  private mayBreakBefore(text: string): boolean {
    return this.depth > 0 || joinAfter.has(this.last) || joinBefore.has(text);
  }
}

function gapDoc(gap: Gap): Doc {
  return gap === "none" ? "" : gap === "space" ? " " : gap === "soft" ? breakOrNothing : breakOrSpace;
}
