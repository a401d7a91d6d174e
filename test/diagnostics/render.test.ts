import { expect, test } from "vitest";
import { countLine, renderPretty, toGithub, toJson } from "../../compiler/diagnostics/render.js";
import { diagnostic } from "../../compiler/diagnostics/report.js";
import { sourceFile, span, type SourceFile, type Span } from "../../compiler/source/file.js";

function at(file: SourceFile, text: string): Span {
  const start = file.text.indexOf(text);
  return span(file, start, start + text.length);
}

const file = sourceFile("dir/a.attn", "attention a {\n  spce seq\n  attend all\n}\n");

test("a place is shown with a line before and after it", () => {
  expect(renderPretty([diagnostic("ATTN1012", at(file, "spce"), { found: "`spce`" }, { hint: "did you mean `space`?" })])).toBe(
    [
      "dir/a.attn:2:3: error ATTN1012: `spce` does not start a clause",
      "  1 | attention a {",
      "> 2 |   spce seq",
      "    |   ^^^^",
      "  3 |   attend all",
      "  hint: did you mean `space`?",
      "",
      "1 error",
      "",
    ].join("\n"),
  );
});

test("labels have their own lines, of another file too", () => {
  const other = sourceFile("b.attn", "pattern p {}");
  const labels = [{ span: at(other, "p {}"), text: "declared here" }];
  expect(renderPretty([diagnostic("ATTN1022", at(file, "attend"), {}, { labels, hint: "h" })])).toBe(
    [
      "dir/a.attn:3:3: warning ATTN1022: no declaration follows this `///`",
      "  2 |   spce seq",
      "> 3 |   attend all",
      "    |   ^^^^^^",
      "  4 | }",
      "  note b.attn:1:9: declared here",
      "> 1 | pattern p {}",
      "    |         ^^^^",
      "  hint: h",
      "",
      "1 warning",
      "",
    ].join("\n"),
  );
});

test("nothing is rendered for no diagnostics, and no frame without a place", () => {
  expect(renderPretty([])).toBe("");
  expect(renderPretty([diagnostic("ATTN1003", undefined, {}, { hint: "h" })])).toBe(
    "error ATTN1003: this comment has no closing `*/`\n  hint: h\n\n1 error\n",
  );
});

test("the count says how many of each", () => {
  const error = diagnostic("ATTN1003", undefined, {});
  const warning = diagnostic("ATTN1022", undefined, {});
  expect(countLine([])).toBe("no errors");
  expect(countLine([error, warning, error])).toBe("2 errors, 1 warning");
  expect(countLine([warning, warning])).toBe("2 warnings");
});

test.each([
  ["tabs", "\t\tatend\tall", "atend", "> 1 | \t\tatend\tall\n    | \t\t^^^^^"],
  ["a carriage return and a newline", "one\r\n  two\r\nthree", "two", "  1 | one\n> 2 |   two\n    |   ^^^\n  3 | three"],
  ["a carriage return alone", "one\r  two\rthree", "two", "  1 | one\n> 2 |   two\n    |   ^^^\n  3 | three"],
  ["line separators that end no line", "a\u2028b\nc", "c", "  1 | a b\n> 2 | c\n    | ^"],
  ["a span over several lines, to the end of the first", "a {\n b\n}\n", "{\n b\n}", "> 1 | a {\n    |   ^\n  2 |  b"],
])("%s", (_, text, part, frame) => {
  const source = sourceFile("x", text);
  expect(renderPretty([diagnostic("ATTN1003", at(source, part), {}, { hint: "h" })])).toContain(`\n${frame}\n  hint`);
});

test("the end of the file has a mark after the last character", () => {
  const source = sourceFile("x", "abc\n");
  expect(renderPretty([diagnostic("ATTN1014", span(source, 3, 3), { closer: "`)`" })])).toContain("> 1 | abc\n    |    ^\n");
  expect(renderPretty([diagnostic("ATTN1014", span(source, 4, 4), { closer: "`)`" })])).toContain("  1 | abc\n> 2 |\n    | ^\n");
  expect(renderPretty([diagnostic("ATTN1014", span(sourceFile("x", ""), 0, 0), { closer: "`)`" })])).toContain("> 1 |\n    | ^\n");
});

test("of a very long line the part around the place is shown", () => {
  const source = sourceFile("x", `${"a".repeat(5000)}?${"b".repeat(5000)}\nshort`);
  const [, shown, marks, next] = renderPretty([diagnostic("ATTN1003", at(source, "?"), {})]).split("\n");
  expect(shown!.length).toBeLessThan(180);
  expect(shown![marks!.indexOf("^")]).toBe("?");
  expect(marks!.trimEnd().endsWith(" ^")).toBe(true);
  expect(shown!.endsWith("b…")).toBe(true);
  expect(next).toBe("  2 |");
});

test("colours are used when asked for, and only then", () => {
  const diagnostics = [diagnostic("ATTN1012", at(file, "spce"), { found: "x" })];
  expect(renderPretty(diagnostics)).not.toContain("\u001B");
  expect(renderPretty(diagnostics, { color: true })).toContain("\u001B[1mATTN1012");
});

test("JSON has every field", () => {
  const labels = [{ span: at(file, "{"), text: "here" }];
  const report = toJson([diagnostic("ATTN1012", at(file, "spce"), { found: "x" }, { labels }), diagnostic("ATTN1022", undefined, {}, {})]);
  expect(report).toEqual({
    version: 1,
    diagnostics: [
      {
        code: "ATTN1012",
        severity: "error",
        message: "x does not start a clause",
        file: "dir/a.attn",
        start: { line: 2, column: 3, offset: 16 },
        end: { line: 2, column: 7, offset: 20 },
        hint: expect.stringContaining("a clause starts"),
        labels: [
          { text: "here", file: "dir/a.attn", start: { line: 1, column: 13, offset: 12 }, end: { line: 1, column: 14, offset: 13 } },
        ],
      },
      {
        code: "ATTN1022",
        severity: "warning",
        message: "no declaration follows this `///`",
        file: null,
        start: null,
        end: null,
        hint: expect.any(String),
        labels: [],
      },
    ],
  });
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
});

test("GitHub's annotations are escaped as it wants", () => {
  const odd = sourceFile("a,b:c%.attn", "x\ny");
  expect(toGithub([diagnostic("ATTN1010", span(odd, 2, 3), { expected: "50%", found: "a: b, c\n" }, { hint: "h" })])).toBe(
    "::error file=a%2Cb%3Ac%25.attn,line=2,col=1,endLine=2,endColumn=2,title=ATTN1010::expected 50%25, found a: b, c%0A%0Ahint: h\n",
  );
  expect(toGithub([diagnostic("ATTN1022", undefined, {}, { hint: "h" })])).toBe(
    "::warning title=ATTN1022::no declaration follows this `///`%0Ahint: h\n",
  );
  expect(toGithub([])).toBe("");
});
