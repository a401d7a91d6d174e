import type { CstNode } from "chevrotain";
import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { diagnostic } from "../diagnostics/report.js";
import { positionAt, span, type SourceFile } from "../source/file.js";
import type { Comment, Declaration, FileNode, Import, Param } from "./ast.js";
import { ClauseBuilder } from "./build-clauses.js";
import { ExpressionBuilder } from "./build-expressions.js";
import { nodeOf, nodesOf, spanOfNode, tokenOf } from "./cst.js";
import { spanOf } from "./lexer.js";
import { stringValue } from "./strings.js";

/** The syntax tree of a file from the parser's concrete tree; what is wrong with it is added to `diagnostics`. */
export function build(file: SourceFile, root: CstNode, comments: readonly Comment[], diagnostics: Diagnostic[]): FileNode {
  const e = new ExpressionBuilder(file, diagnostics);
  const c = new ClauseBuilder(e);
  const nodes = [...nodesOf(root, "importItem"), ...nodesOf(root, "declaration")];
  const placed = nodes.map((node) => ({ node, at: spanOfNode(file, node, 0) })).sort((a, b) => a.at.start - b.at.start);
  const docs = new DocComments(file, comments);
  const items = placed.map(({ node }) => (node.name === "importItem" ? importOf(node, e, c) : declarationOf(node, e, c, docs)));
  diagnostics.push(...docs.unused(items));
  return { items, comments, span: span(file, 0, file.text.length) };
}

function importOf(node: CstNode, e: ExpressionBuilder, c: ClauseBuilder): Import {
  const whole = spanOfNode(e.file, node, 0);
  const names = c.names(nodeOf(node, "names"), whole.end);
  const token = tokenOf(node, "String");
  const from =
    token === undefined
      ? ({ kind: "string", value: "", span: span(e.file, whole.end, whole.end) } as const)
      : ({ kind: "string", value: stringValue(token.image), span: spanOf(e.file, token) } as const);
  return { kind: "import", names, from, span: whole };
}

function declarationOf(node: CstNode, e: ExpressionBuilder, c: ClauseBuilder, docs: DocComments): Declaration {
  const whole = spanOfNode(e.file, node, 0);
  const params = nodeOf(node, "params");
  const doc = docs.before(whole.start);
  return {
    kind: (tokenOf(node, "keyword")?.image ?? "attention") as Declaration["kind"],
    name: e.name(node, whole.end),
    params: params === undefined ? [] : nodesOf(params, "param").map((param) => paramOf(param, e, whole.end)),
    body: c.body(nodeOf(node, "body"), whole.end),
    ...(doc === undefined ? {} : { doc }),
    span: whole,
  };
}

function paramOf(node: CstNode, e: ExpressionBuilder, at: number): Param {
  const whole = spanOfNode(e.file, node, at);
  const runtime = tokenOf(node, "Inner_runtime") !== undefined;
  return { name: e.name(node, whole.end), runtime, value: e.expr(nodeOf(node, "expr"), whole.end), span: whole };
}

/** Which `///` lines document which declaration: the last block of lines that ends before it, with nothing but comments between. */
class DocComments {
  private readonly used = new Set<Comment>();
  private next = 0;

  constructor(
    private readonly file: SourceFile,
    private readonly comments: readonly Comment[],
  ) {}

  /** The documentation of the declaration that starts at an offset; to be asked for in the order of the text. */
  before(offset: number): string | undefined {
    const block: Comment[] = [];
    for (; this.next < this.comments.length && this.comments[this.next]!.span.start < offset; this.next++) {
      const comment = this.comments[this.next]!;
      if (comment.kind !== "doc" || !this.startsLine(this.next)) continue;
      const last = block.at(-1);
      if (last !== undefined && this.lineOf(comment) !== this.lineOf(last) + 1) block.length = 0;
      block.push(comment);
    }
    const last = block.at(-1);
    if (last === undefined || !this.onlyCommentsBetween(last, offset)) return undefined;
    for (const comment of block) this.used.add(comment);
    return block.map((comment) => comment.text.replace(/^\/\/\/ ?/, "").trimEnd()).join("\n");
  }

  unused(items: readonly (Import | Declaration)[]): Diagnostic[] {
    const lost = this.comments.filter((comment) => comment.kind === "doc" && !this.used.has(comment));
    // One report for each block of lines, and none in a file without declarations: it is only begun.
    if (!items.some((item) => item.kind !== "import")) return [];
    return lost
      .filter((comment, i) => i === 0 || this.lineOf(comment) !== this.lineOf(lost[i - 1]!) + 1)
      .map((comment) => diagnostic("ATTN1022", comment.span, {}));
  }

  private onlyCommentsBetween(last: Comment, offset: number): boolean {
    const between = this.file.text.slice(last.span.end, offset);
    return /^\s*$/.test(between.replace(/\/\*[^]*?\*\//g, "").replace(/\/\/[^\n\r]*/g, ""));
  }

  /** Whether no token stands before a comment on its line: one that trails something else documents nothing. */
  private startsLine(index: number): boolean {
    const comment = this.comments[index]!;
    const lineStart = this.file.lineStarts[this.lineOf(comment) - 1]!;
    const before = this.comments[index - 1];
    if (before === undefined || before.span.end <= lineStart) return this.file.text.slice(lineStart, comment.span.start).trim() === "";
    if (this.file.text.slice(before.span.end, comment.span.start).trim() !== "") return false;
    return before.span.start < lineStart || this.startsLine(index - 1);
  }

  private lineOf(comment: Comment): number {
    return positionAt(this.file, comment.span.start).line;
  }
}
