import fc from "fast-check";
import { expect, test } from "vitest";
import { renderPretty } from "../../compiler/diagnostics/render.js";
import { sourceFile, textOf } from "../../compiler/source/file.js";
import type { FileNode } from "../../compiler/syntax/ast.js";
import { parse } from "../../compiler/syntax/parser.js";
import { print, printExpr } from "../../compiler/syntax/print.js";
import { expr, file, withoutSpans } from "./arbitrary.js";

function parseClean(text: string): FileNode {
  const { tree, diagnostics } = parse(sourceFile("printed.attn", text));
  expect(renderPretty(diagnostics)).toBe("");
  return tree;
}

test("a printed tree parses to the same tree", () => {
  fc.assert(
    fc.property(file, (tree) => {
      expect(withoutSpans(parseClean(print(tree)))).toEqual(withoutSpans(tree));
    }),
    { numRuns: 8000 },
  );
});

test("a printed expression parses to the same expression, on one line or over many", () => {
  fc.assert(
    fc.property(expr, (tree) => {
      const text = printExpr(tree);
      expect(text).not.toContain("\n");
      const parsed = parseClean(`pattern p { let x = ${text} }`);
      const item = parsed.items[0]!;
      const clause = item.kind === "pattern" ? item.body.clauses[0]! : undefined;
      expect(clause?.kind === "let" && withoutSpans(clause.value)).toEqual(withoutSpans(tree));
    }),
    { numRuns: 8000 },
  );
});

test("printing is stable", () => {
  fc.assert(
    fc.property(file, (tree) => {
      const text = print(tree);
      expect(print(parseClean(text))).toBe(text);
    }),
    { numRuns: 3000 },
  );
});

test("spans nest, follow one another and hold the text they stand for", () => {
  const visit = (node: unknown, outer: { start: number; end: number }): void => {
    if (Array.isArray(node)) {
      for (const child of node) visit(child, outer);
      return;
    }
    if (typeof node !== "object" || node === null || "lineStarts" in node) return;
    const own = (node as { span?: { start: number; end: number } }).span;
    if (own !== undefined) {
      expect(own.start).toBeGreaterThanOrEqual(outer.start);
      expect(own.end).toBeLessThanOrEqual(outer.end);
      expect(own.end).toBeGreaterThan(own.start);
    }
    for (const [key, child] of Object.entries(node)) if (key !== "span") visit(child, own ?? outer);
  };
  fc.assert(
    fc.property(file, (tree) => {
      const parsed = parseClean(print(tree));
      visit(parsed.items, parsed.span);
      for (const item of parsed.items) {
        if (item.kind === "import") continue;
        expect(textOf(item.name.span)).toBe(item.name.name);
        expect(textOf(item.body.span)).toMatch(/^\{[^]*\}$/);
      }
    }),
    { numRuns: 3000 },
  );
});
