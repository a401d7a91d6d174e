import type { Diagnostic } from "../diagnostics/diagnostic.js";
import type { SourceFile } from "../source/file.js";
import { lex } from "./lexer.js";
import { parse } from "./parser.js";
import { TextPlacement } from "./placement.js";
import { writeFile } from "./write-file.js";

/**
 * A file in the one layout: comments and single empty lines are kept, keywords and trailing comments lined up, lines
 * over 100 columns broken at operators, parentheses that change nothing taken away. Formatting twice changes nothing
 * more, and the tree stays the same. A file with errors is not touched.
 */
export function format(file: SourceFile): { readonly text: string } | { readonly diagnostics: readonly Diagnostic[] } {
  const { tree, diagnostics } = parse(file);
  if (diagnostics.some((d) => d.severity === "error")) return { diagnostics };
  const tokens = lex(file).tokens.map(({ startOffset, image }) => ({ start: startOffset, end: startOffset + image.length, text: image }));
  return { text: writeFile(tree, new TextPlacement(file, tokens, tree.comments), false) };
}
