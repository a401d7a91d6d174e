import { expect, test } from "vitest";
import { catalogue, type DiagnosticCode } from "../../compiler/diagnostics/catalogue.js";
import { renderPretty } from "../../compiler/diagnostics/render.js";
import { explanation } from "../../compiler/diagnostics/report.js";
import { sourceFile } from "../../compiler/source/file.js";
import { format } from "../../compiler/syntax/format.js";
import { parse } from "../../compiler/syntax/parser.js";

const syntaxCodes = (Object.keys(catalogue) as DiagnosticCode[]).filter((code) => code.startsWith("ATTN1"));

function examples(page: string, kind: "wrong" | "right"): string[] {
  return [...page.matchAll(/```attn (wrong|right)\n([^]*?)```/g)].filter((match) => match[1] === kind).map((match) => match[2]!);
}

test.each(syntaxCodes)("the examples of %s are what they say", (code) => {
  const { page } = catalogue[code];
  expect(examples(page, "wrong").length).toBeGreaterThan(0);
  expect(examples(page, "right").length).toBeGreaterThan(0);
  for (const text of examples(page, "wrong")) expect(parse(sourceFile("wrong.attn", text)).diagnostics.map((d) => d.code)).toContain(code);
  for (const text of examples(page, "right")) {
    const source = sourceFile("right.attn", text);
    expect(renderPretty(parse(source).diagnostics)).toBe("");
    expect(format(source)).toEqual({ text });
  }
});

test.each(Object.keys(catalogue))("the text of %s reads as a message", (code) => {
  const { title, message, hint } = catalogue[code as DiagnosticCode];
  expect(title).toMatch(/^[A-Z`].*[^.]$/);
  expect(message).toMatch(/[^.]$/);
  expect(hint ?? "x").toMatch(/[^.]$/);
});

test("a code is explained by its page, and what is no code by nothing", () => {
  expect(explanation("ATTN1001")).toMatch(/^# ATTN1001: A character that means nothing\n\n[^]*```attn wrong/);
  expect(explanation("ATTN9999")).toBeUndefined();
  expect(explanation("toString")).toBeUndefined();
});
