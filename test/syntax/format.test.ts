import fc from "fast-check";
import { expect, test } from "vitest";
import { sourceFile } from "../../compiler/source/file.js";
import { format } from "../../compiler/syntax/format.js";
import { lex } from "../../compiler/syntax/lexer.js";
import { parse } from "../../compiler/syntax/parser.js";
import { print } from "../../compiler/syntax/print.js";
import { file, withoutSpans } from "./arbitrary.js";

function formatted(text: string): string {
  const result = format(sourceFile("input.attn", text));
  expect(result).toHaveProperty("text");
  return "text" in result ? result.text : "";
}

function treeOf(text: string): unknown {
  return withoutSpans(parse(sourceFile("input.attn", text)).tree);
}

/** The comments of a text, in alphabetical order: the formatter may move one before the clause it stands in. */
function commentsOf(text: string): string[] {
  return lex(sourceFile("input.attn", text))
    .comments.map((comment) => comment.text.trimEnd())
    .sort();
}

/** What the random tests do to a printed text without changing its tree: comments, empty lines, spaces, parentheses. */
const disturbance = fc.record({
  seed: fc.infiniteStream(fc.nat({ max: 15 })),
  crlf: fc.boolean(),
});

function disturb(text: string, seed: Iterator<number>): string {
  let number = 0;
  const next = () => seed.next().value as number;
  const tokens = lex(sourceFile("printed.attn", text)).tokens;
  const comments = lex(sourceFile("printed.attn", text)).comments;
  let out = "";
  let last = 0;
  let depth = 0;
  for (const { startOffset, image } of [...tokens, ...comments.map((c) => ({ startOffset: c.span.start, image: c.text }))].sort(
    (a, b) => a.startOffset - b.startOffset,
  )) {
    const gap = text.slice(last, startOffset);
    last = startOffset + image.length;
    const isDoc = image.startsWith("///");
    const newline = gap.includes("\n");
    const choice = next();
    if (newline) {
      if (choice === 0) out += ` // end ${number++}`;
      else if (choice === 1) out += ` /* end ${number++} */`;
      out += gap;
      if (!isDoc && choice === 2) out += `// own ${number++}\n`;
      else if (!isDoc && choice === 3) out += `/* own ${number++}\n   in two lines */\n`;
      else if (!isDoc && choice === 4) out += "\n\n\n";
      else if (!isDoc && choice === 5) out += `// own ${number++}\n\n/* and ${number++} */ `;
    } else if (choice === 6) out += `${gap}/* in ${number++} */ `;
    else if (choice === 7 && depth > 0) out += `${gap}// in ${number++}\n`;
    else if (choice === 8 && depth > 0) out += `${gap}\n`;
    else if (choice === 9 && depth > 0) out += `${gap}\n // own in ${number++}\n`;
    else out += choice === 10 ? gap.replace(/ /g, "   ") : gap;
    if (image === "(" || image === "[") depth++;
    if (image === ")" || image === "]") depth--;
    out += image;
  }
  return out + text.slice(last);
}

test("formatting keeps the tree and the comments, and is done at once", () => {
  fc.assert(
    fc.property(file, disturbance, (tree, { seed, crlf }) => {
      const clean = disturb(print(tree), seed[Symbol.iterator]());
      const text = crlf ? clean.replace(/\n/g, "\r\n") : clean;
      const once = formatted(text);
      expect(treeOf(once)).toEqual(treeOf(text));
      expect(commentsOf(once)).toEqual(commentsOf(clean));
      expect(formatted(once)).toBe(once);
      expect(once).not.toMatch(/[ \t]\n|\r|\n\n\n/);
      expect(once === "" || /[^\n]\n$/.test(once)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("a printed tree is formatted already, but for bodies on one line", () => {
  fc.assert(
    fc.property(file, (tree) => {
      expect(formatted(print(tree))).toBe(print(tree));
    }),
    { numRuns: 300 },
  );
});

test("lines stay within the width where there is a place to break them", () => {
  const operands = fc.array(fc.constantFrom("q - k < window", "near(y, window: 7, stride: 2)", "(k < sink & q >= 4096)"), {
    minLength: 1,
    maxLength: 20,
  });
  fc.assert(
    fc.property(operands, fc.constantFrom(" | ", " & "), (parts, operator) => {
      const text = formatted(`attention a {\n  attend ${parts.join(operator)}\n  let long_name = max(${parts.join(", ")})\n}\n`);
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
    }),
  );
});

test.each([
  ["keywords and names line up", "attention a {\nspace seq causal\nlet x = 1\nlet long = 2\n\nlet y=3\nattend x<long\n}"],
  ["a longer keyword moves them all", "attention a { space seq causal\n normalize softmax\n attend all\n require rows nonempty }"],
  [
    "a body on one line stays there",
    "attention a { select c { unit k : token ;score q ; keep top( 3 ) }\n assign { when h==0->all; else->c } }",
  ],
  [
    "a long body on one line is broken",
    "attention a { select c { unit k: token; score dot(mean(q), mean(k)) * scale; keep top_p(0.9) min 128; force first(1) } }",
  ],
  [
    "comments keep their places",
    [
      "// file",
      "",
      "import{a,b}from'std'".replaceAll("'", '"') + " // import",
      "/// doc",
      "attention a ( // head",
      "  x = 1, // first",
      "  // own line",
      "  y = 2",
      ") { // body",
      "  // before",
      "",
      "",
      "  attend x // left",
      "       | y // right",
      "",
      "  // last",
      "} // after",
      "/* end */",
    ].join("\n"),
  ],
  ["comments with no place move up", "attention a {\n  attend ( // why\n    x | y)\n  let z = f(x // inner\n  ) // outer\n}"],
  [
    "parentheses that change nothing go",
    "attention a {\n attend ((x) | (y & z)) & (((q - k)) < (3 * (4 + 5)))\n let n = -(-(3)) + (a - (b - c)) - ((a - b) - c)\n}",
  ],
  [
    "long expressions break at the loosest operators",
    "attention a {\n attend near(t, window: 18, stride: 16) & near(y, window: 24, stride: 8) & (near(x, window: 24, stride: 8) | k < sink)\n let chosen = first_alternative_of_many if some_condition_on_the_head(kvh, layer) & another_one else second_alternative_of_many\n}",
  ],
  [
    "long lists break at commas",
    "attention a(first_parameter = 1024, second_parameter: runtime = 2048, third_parameter = 4096, fourth = 3) {\n layout permute(kmeans(q, clusters_of_queries, iterations: 20), kmeans(k, clusters_of_keys, iterations: 20))\n assign best { a_shape_with_a_long_name, vertical_slash_with_a_long_name, block_sparse_with_a_long_name, one_more }\n}",
  ],
  ["empty bodies close at once", "attention a {\n}\npattern b {\n // nothing\n}\ncache c { on full { } }"],
])("%s", async (name, text) => {
  await expect(formatted(text)).toMatchFileSnapshot(`./format/${name.replaceAll(/[ ,]+/g, "-")}.attn`);
});

test("names do not line up past a comment of several lines that moves to the end of a clause", () => {
  const once = formatted("attention a {\n  table long_name = f( x\n/* two\n lines */)\n  table q = A\n}\n");
  expect(once).toContain("table q = A");
  expect(formatted(once)).toBe(once);
});

test("a file with errors is not touched", () => {
  const result = format(sourceFile("input.attn", "attention a { atend all }"));
  expect("diagnostics" in result && result.diagnostics.map((d) => d.code)).toEqual(["ATTN1012"]);
});

test("a warning does not stop it", () => {
  expect(formatted("attention a {\n/// lost\nattend all }")).toBe("attention a {\n  /// lost\n  attend all\n}\n");
});

test("an empty file stays empty", () => {
  expect(formatted("")).toBe("");
  expect(formatted("\uFEFF \r\n\n")).toBe("");
  expect(formatted("\n\n// alone\n\n\n")).toBe("// alone\n");
});
