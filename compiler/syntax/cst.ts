import type { CstNode, IToken } from "chevrotain";
import { span, type SourceFile, type Span } from "../source/file.js";
import type { Identifier } from "./ast.js";
import { spanOf } from "./lexer.js";

/** Reading the parser's concrete tree. After an error any part of a node may be missing. */

export function nodesOf(parent: CstNode, name: string): readonly CstNode[] {
  return (parent.children[name] ?? []) as CstNode[];
}

export function nodeOf(parent: CstNode | undefined, name: string): CstNode | undefined {
  return parent === undefined ? undefined : nodesOf(parent, name)[0];
}

export function tokensOf(parent: CstNode, name: string): readonly IToken[] {
  return (parent.children[name] ?? []) as IToken[];
}

export function tokenOf(parent: CstNode | undefined, name: string): IToken | undefined {
  return parent === undefined ? undefined : tokensOf(parent, name)[0];
}

/** The only child of a node that is one of several forms. */
export function onlyChild(parent: CstNode): CstNode | undefined {
  for (const children of Object.values(parent.children)) {
    const first = children[0];
    if (first !== undefined && "children" in first) return first;
  }
  return undefined;
}

/** From the first to the last token of a node; `fallback` (an offset) where it has none. */
export function spanOfNode(file: SourceFile, node: CstNode | undefined, fallback: number): Span {
  const start = node?.location?.startOffset;
  if (start === undefined || Number.isNaN(start)) return span(file, fallback, fallback);
  return span(file, start, (node!.location!.endOffset ?? start - 1) + 1);
}

/** The name of a token; an empty one, at the offset given, where the parser found none. */
export function identifier(file: SourceFile, token: IToken | undefined, fallback: number): Identifier {
  if (token === undefined) return { kind: "identifier", name: "", span: span(file, fallback, fallback) };
  return { kind: "identifier", name: token.image, span: spanOf(file, token) };
}
