import type { AssignClause, Body, Clause, Declaration, FileNode } from "./ast.js";
import { setLines, type Doc, type Line } from "./doc.js";
import type { Placement } from "./placement.js";
import { isAligned, namesOf, writeCase, writeClause, writeHead, writeImport, writeOtherwise, type Columns } from "./write-clauses.js";
import { Writer } from "./writer.js";

export const lineWidth = 100;

type Cases = AssignClause["body"] & { kind: "cases" };

/** The text of a tree in the one layout, with the comments and empty lines that `placement` knows of. */
export function writeFile(tree: FileNode, placement: Placement, withDocs: boolean): string {
  return new FileWriter(placement, withDocs).file(tree);
}

class FileWriter {
  private readonly lines: Line[] = [];
  /** How many lines there were when the block being written began. */
  private blockStart = 0;

  constructor(
    private readonly placement: Placement,
    private readonly withDocs: boolean,
  ) {}

  file(tree: FileNode): string {
    tree.items.forEach((item, i) => {
      const before = tree.items[i - 1];
      const needsBlank = before !== undefined && (before.kind !== "import" || item.kind !== "import");
      if (item.kind === "import") {
        this.unit(0, item.span, (w) => writeImport(w, item), needsBlank);
      } else {
        this.declaration(item, needsBlank);
      }
    });
    this.outer(0, Infinity, false);
    return finish(this.lines);
  }

  private declaration(item: Declaration, needsBlank: boolean): void {
    const docs = this.withDocs && item.doc !== undefined ? item.doc.split("\n").map((line) => `/// ${line}`.trimEnd()) : [];
    this.withBody(0, item.span.start, item.body, (w) => writeHead(w, item), needsBlank, docs);
  }

  // --------------------------------------------------------------------- blocks

  private body(indent: number, body: Body): void {
    const columns = this.columns(body.clauses);
    body.clauses.forEach((clause, i) => this.clause(indent, clause, columns[i]!));
    this.outer(indent, body.span.end - 1, false);
  }

  private clause(indent: number, clause: Clause, columns: Columns): void {
    const write = (w: Writer) => writeClause(w, clause, columns);
    if (clause.kind === "select" || clause.kind === "branch" || clause.kind === "on") {
      this.withBody(indent, clause.span.start, clause.body, write, false, []);
    } else if (clause.kind === "assign" && clause.body.kind === "cases") {
      this.assign(indent, clause, clause.body, write);
    } else {
      this.unit(indent, clause.span, write, false);
    }
  }

  /** A head that ends in `{`, and the clauses after it: on one line if the text has them so and they fit. */
  private withBody(
    indent: number,
    start: number,
    body: Body,
    head: (w: Writer) => Doc,
    needsBlank: boolean,
    docs: readonly string[],
  ): void {
    if (this.placement.onOneLine(start, body.span.end)) {
      const line = setLines(head(new Writer()), indent, Infinity)[0]!.text + flatBody(body);
      if (line.length <= lineWidth) {
        this.lead(indent, start, needsBlank, docs);
        this.lines.push({ text: line, comment: this.placement.pass(body.span.end) });
        return;
      }
    }
    this.head(indent, { start, end: body.span.start + 1 }, head, needsBlank, docs);
    const empty = this.lines.length;
    this.body(indent + 2, body);
    this.end(indent, body.span.end, empty);
  }

  private assign(indent: number, clause: Clause, body: Cases, head: (w: Writer) => Doc): void {
    if (this.placement.onOneLine(clause.span.start, clause.span.end)) {
      const line = setLines(head(new Writer()), indent, Infinity)[0]!.text + flatCases(body);
      if (line.length <= lineWidth) {
        this.lead(indent, clause.span.start, false, []);
        this.lines.push({ text: line, comment: this.placement.pass(clause.span.end) });
        return;
      }
    }
    const { span } = clause;
    this.head(indent, { start: span.start, end: this.placement.afterBrace(span.start) }, head, false);
    const empty = this.lines.length;
    for (const row of body.cases) this.unit(indent + 2, row.span, (w) => writeCase(w, row), false);
    this.unit(indent + 2, body.otherwiseSpan, (w) => writeOtherwise(w, body), false);
    this.outer(indent + 2, span.end - 1, false);
    this.end(indent, span.end, empty);
  }

  /** The closing brace; on the line of the opening one where nothing stands between. */
  private end(indent: number, offset: number, empty: number): void {
    this.blockStart = 0;
    const comment = this.placement.pass(offset);
    const opening = this.lines.at(-1)!;
    // An own line of a comment that has moved here does not end in the brace either.
    if (this.lines.length > empty || opening.comment !== undefined || !opening.text.endsWith("{"))
      this.lines.push({ text: `${" ".repeat(indent)}}`, comment });
    else {
      opening.text += "}";
      opening.comment = comment;
    }
  }

  // ---------------------------------------------------------------------- units

  /** Something that starts on a line of its own, with the comments before it, in it and after it. */
  private unit(
    indent: number,
    span: { readonly start: number; readonly end: number },
    write: (w: Writer) => Doc,
    needsBlank: boolean,
    docs: readonly string[] = [],
  ): void {
    const writer = new Writer(this.placement.inner(span.start, span.end));
    const lines = setLines(write(writer), indent, lineWidth);
    const displaced = [...writer.displaced, ...writer.rest().map((comment) => comment.text)];
    this.lead(indent, span.start, needsBlank, docs);
    // A comment that has no place in the line goes to its end; if there are more, they go before it.
    const trailing = this.placement.pass(span.end) ?? displaced.pop();
    for (const text of displaced) this.lines.push({ text: " ".repeat(indent) + text });
    lines.at(-1)!.comment = trailing;
    this.lines.push(...lines);
  }

  /** What ends in `{`: comments without a place come after it, where they cannot become documentation. */
  private head(
    indent: number,
    span: { readonly start: number; readonly end: number },
    write: (w: Writer) => Doc,
    needsBlank: boolean,
    docs: readonly string[] = [],
  ): void {
    const writer = new Writer(this.placement.inner(span.start, span.end));
    const lines = setLines(write(writer), indent, lineWidth);
    const displaced = [...writer.displaced, ...writer.rest().map((comment) => comment.text)];
    this.lead(indent, span.start, needsBlank, docs);
    lines.at(-1)!.comment = this.placement.pass(span.end) ?? displaced.shift();
    this.lines.push(...lines);
    for (const text of displaced) this.lines.push({ text: " ".repeat(indent + 2) + text });
    this.blockStart = this.lines.length;
  }

  private lead(indent: number, start: number, needsBlank: boolean, docs: readonly string[]): void {
    const had = this.lines.length;
    this.outer(indent, start, needsBlank);
    if (this.lines.length === had ? needsBlank || this.placement.blankBefore(start) : this.placement.blankBefore(start)) this.blank();
    for (const text of docs) this.lines.push({ text: " ".repeat(indent) + text });
  }

  /** The comments before an offset, each on a line of its own. */
  private outer(indent: number, offset: number, needsBlank: boolean): void {
    this.placement.before(offset).forEach((comment, i) => {
      if (comment.blankBefore || (needsBlank && i === 0)) this.blank();
      this.lines.push({ text: " ".repeat(indent) + comment.text });
    });
  }

  /** An empty line, unless there is one or the block only starts here. */
  private blank(): void {
    const last = this.lines.at(-1);
    if (this.lines.length > this.blockStart && last?.text !== "") this.lines.push({ text: "" });
  }

  /** Which names line up: those of neighbours of one kind, with nothing between their lines. */
  private columns(clauses: readonly Clause[]): Columns[] {
    const aligned = clauses.filter(isAligned);
    const keyword = aligned.reduce((widest, clause) => Math.max(widest, clause.kind.length), 0);
    const columns: Columns[] = [];
    for (let i = 0; i < clauses.length;) {
      let end = i + 1;
      while (end < clauses.length && this.linesUp(clauses[end - 1]!, clauses[end]!)) end++;
      const names = clauses.slice(i, end).reduce((widest, clause) => Math.max(widest, namesOf(clause)?.length ?? 0), 0);
      for (; i < end; i++) columns.push({ keyword, names });
    }
    return columns;
  }

  private linesUp(above: Clause, below: Clause): boolean {
    if (above.kind !== below.kind || namesOf(below) === undefined || this.placement.apart(above.span.end, below.span.start)) return false;
    // Comments that will be moved in between part them as well: one of several lines at the end of the one, or any before the other.
    const ending = this.placement.trailing(above.span.end) ?? this.placeless(above).at(-1);
    const atEnd = this.placement.trailing(below.span.end) === undefined ? 0 : 1;
    return !ending?.includes("\n") && this.placeless(below).length + atEnd <= 1;
  }

  /** The comments in a clause for which it has no place. */
  private placeless(clause: Clause): readonly string[] {
    const writer = new Writer(this.placement.inner(clause.span.start, clause.span.end));
    setLines(writeClause(writer, clause, { keyword: 0, names: 0 }), 0, lineWidth);
    return [...writer.displaced, ...writer.rest().map((comment) => comment.text)];
  }
}

// ------------------------------------------------------------------ on one line

function flatBody(body: Body): string {
  return body.clauses.length === 0 ? "}" : ` ${body.clauses.map(flatClause).join("; ")} }`;
}

function flatClause(clause: Clause): string {
  const head = setLines(writeClause(new Writer(), clause, { keyword: 0, names: 0 }), 0, Infinity)[0]!.text;
  if (clause.kind === "select" || clause.kind === "branch" || clause.kind === "on") return head + flatBody(clause.body);
  return clause.kind === "assign" && clause.body.kind === "cases" ? head + flatCases(clause.body) : head;
}

function flatCases(body: Cases): string {
  const rows = [...body.cases.map((row) => writeCase(new Writer(), row)), writeOtherwise(new Writer(), body)];
  return ` ${rows.map((row) => setLines(row, 0, Infinity)[0]!.text).join("; ")} }`;
}

// ------------------------------------------------------------------------ lines

/** Puts the comments at the ends of neighbouring lines into one column, two spaces after the longest line. */
function finish(lines: readonly Line[]): string {
  const out: string[] = [];
  for (let i = 0; i < lines.length;) {
    let end = i;
    while (end < lines.length && lines[end]!.comment !== undefined && lines[end]!.text.trim() !== "") end++;
    const column = lines.slice(i, end).reduce((widest, line) => Math.max(widest, line.text.length), 0) + 2;
    for (; i < end; i++) out.push(lines[i]!.text.padEnd(column) + lines[i]!.comment!);
    if (i < lines.length) out.push(lines[i]!.text + (lines[i]!.comment ?? ""));
    i++;
  }
  return out.length === 0 ? "" : `${out.join("\n")}\n`;
}
