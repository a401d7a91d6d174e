import type { Expr, FileNode } from "./ast.js";
import { setLines } from "./doc.js";
import { unplaced } from "./placement.js";
import { writeExpr } from "./write-expressions.js";
import { writeFile } from "./write-file.js";
import { Writer } from "./writer.js";

/**
 * The text of a tree, in the one layout. Parsing it gives the same tree but for the places. Comments are left out,
 * documentation is not. An error node, which no text stands for, is printed as `…`.
 */
export function print(tree: FileNode): string {
  return writeFile(tree, unplaced, true);
}

/** An expression on one line, with the parentheses it needs. */
export function printExpr(expr: Expr): string {
  return setLines(writeExpr(new Writer(), expr), 0, Infinity)[0]!.text;
}
