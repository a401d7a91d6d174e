import { expect, test } from "vitest";
import { renderPretty } from "../../compiler/diagnostics/render.js";
import { sourceFile, textOf } from "../../compiler/source/file.js";
import type { Clause, Declaration, Expr } from "../../compiler/syntax/ast.js";
import { parse } from "../../compiler/syntax/parser.js";
import { print, printExpr } from "../../compiler/syntax/print.js";
import { withoutSpans } from "./arbitrary.js";
import { everyClause } from "./programs.js";

function declaration(text: string): Declaration {
  const { tree, diagnostics } = parse(sourceFile("input.attn", text));
  expect(renderPretty(diagnostics)).toBe("");
  const found = tree.items.find((item) => item.kind !== "import");
  if (found === undefined) throw new Error("no declaration");
  return found as Declaration;
}

/** The clauses of a body, each with its text. */
function clauses(body: string): string[] {
  return declaration(`attention a {${body}}`).body.clauses.map((clause) => textOf(clause.span));
}

function expression(text: string): Expr {
  const clause: Clause = declaration(`attention a { let x = ${text} }`).body.clauses[0]!;
  if (clause.kind !== "let") throw new Error("no expression");
  return clause.value;
}

/** The grouping of an expression, with all parentheses. */
function grouped(expr: Expr): string {
  if (expr.kind === "binary") return `(${grouped(expr.left)} ${expr.op} ${grouped(expr.right)})`;
  if (expr.kind === "unary") return `(${expr.op}${grouped(expr.operand)})`;
  if (expr.kind === "conditional") return `(${grouped(expr.then)} if ${grouped(expr.condition)} else ${grouped(expr.otherwise)})`;
  if (expr.kind === "index") return `(${grouped(expr.object)}[${expr.indices.map(grouped).join(", ")}])`;
  if (expr.kind === "member") return `(${grouped(expr.object)}.${expr.name.name}${expr.args === undefined ? "" : "()"})`;
  return printExpr(expr);
}

test("every clause of the grammar is read", async () => {
  const { tree, diagnostics } = parse(sourceFile("every.attn", everyClause));
  expect(renderPretty(diagnostics)).toBe("");
  await expect(JSON.stringify(withoutSpans(tree), undefined, 1)).toMatchFileSnapshot("./golden/every-clause.json");
  expect(withoutSpans(parse(sourceFile("printed.attn", print(tree))).tree)).toEqual(withoutSpans(tree));
});

test.each([
  ["a + b * c - d", "((a + (b * c)) - d)"],
  ["a - b - c / d % e", "((a - b) - ((c / d) % e))"],
  ["a < b & c | d & e == f", "(((a < b) & c) | (d & (e == f)))"],
  ["!a & -b < c", "((!a) & ((-b) < c))"],
  ["-a * b", "((-a) * b)"],
  ["-a[0].b(1)", "(-((a[0]).b()))"],
  ["!!a", "(!(!a))"],
  ["a if b else c | d", "(a if b else (c | d))"],
  ["a | b if c else d if e else f", "((a | b) if c else (d if e else f))"],
  ["a if b if c else d else e", "(a if (b if c else d) else e)"],
  ["layer in [a, b] & c", "((layer in [a, b]) & c)"],
  ["(a < b) == (c < d)", "((a < b) == (c < d))"],
])("%s groups as %s", (text, expected) => {
  expect(grouped(expression(text))).toBe(expected);
});

test("the span of an expression is without its parentheses, that of what holds it with them", () => {
  const product = expression("  ((a + b)) * c");
  expect(textOf(product.span)).toBe("((a + b)) * c");
  expect(product.kind === "binary" && textOf(product.left.span)).toBe("a + b");
  const call = expression("f(x: (1), (q))");
  expect(call.kind === "call" && call.args.map((arg) => textOf(arg.span))).toEqual(["x: (1)", "(q)"]);
});

test("a newline or a semicolon ends a clause", () => {
  expect(clauses(" space seq causal\n attend all ; emit lse;; \n\n ; score s ")).toEqual([
    "space seq causal",
    "attend all",
    "emit lse",
    "score s",
  ]);
  expect(clauses("attend all")).toEqual(["attend all"]);
  expect(clauses("\r\n attend q\r\n emit lse\r\n")).toEqual(["attend q", "emit lse"]);
  expect(clauses("\r attend q\r emit lse\r")).toEqual(["attend q", "emit lse"]);
});

test.each([
  ["an operator at the start of a line", "attend q\n - k\n < w\n | k in s"],
  ["an operator at the end of a line", "attend q -\n k <\n w & !\n x"],
  ["parentheses and square brackets", "attend f(\nq\n, window\n:\n3) + [\n1\n]"],
  ["a comma at the end of a line", "shape heads: 1,\n dim: 2"],
  ["a comma at the start of a line", "shape heads: 1\n , dim: 2"],
  ["if and else", "attend a\n if b\n else c"],
  ["else at the end of a line", "attend a if b else\n c"],
  ["an equals sign", "let x\n =\n 3"],
  ["a member", "let x = q\n .last(64)\n [0]".replace("\n [0]", "")],
  ["a brace on the next line", "select b\n {\n unit k: token\n }"],
  ["comments in between", "attend a // left\n // more\n /* and\n more */ | b"],
])("%s: one clause over several lines", (_, text) => {
  expect(clauses(`\n${text}\n`)).toEqual([text]);
});

test("names of an assign and of an import may stand on lines of their own", () => {
  expect(clauses("\nassign best {\n a,\n b\n}\n")).toEqual(["assign best {\n a,\n b\n}"]);
  expect(declaration('import {\n a,\n b\n}\nfrom "std"\nattention\na\n(x = 1)\n{ attend a }').name.name).toBe("a");
});

test("the last item of a list may be a word that starts declarations, on a line of its own, before a clause", () => {
  expect(clauses("\nlayout tiles(2),\n cache\n at (h)\n")).toEqual(["layout tiles(2),\n cache", "at (h)"]);
});

test("a clause that is not finished does not take the next one", () => {
  const { tree, diagnostics } = parse(sourceFile("input.attn", "attention a {\n let x =\n attend q < k\n}"));
  expect(diagnostics.map((d) => d.code)).toEqual(["ATTN1011"]);
  const [item] = tree.items;
  expect(item?.kind === "attention" && item.body.clauses.map((clause) => clause.kind)).toEqual(["let", "attend"]);
});

test("the words of clauses are free as names", () => {
  const words = ["score", "keep", "group", "unit", "first", "text", "full", "layer", "state", "at", "min", "from", "when", "attend"];
  for (const word of [...words, "import", "pattern", "space", "runtime", "seq", "over", "use", "layers", "cache"]) {
    const item = declaration(`attention ${word}(${word} = 1, b: runtime = ${word}) {
      let    ${word} = ${word} + ${word}(${word}: ${word}).${word}[${word}]
      attend ${word} < 3 & q in ${word}
      keep   ${word} min ${word} max ${word} over ${word}
      reuse  every ${word} steps
      assign ${word} { ${word}, ${word} }
      select ${word} { group sum over ${word} }
      ${word} += 1
    }`);
    expect(item.body.clauses.map((clause) => clause.kind)).toEqual(["let", "attend", "keep", "reuse", "assign", "select", "accumulate"]);
  }
});

test("documentation is the last block of lines before a declaration", () => {
  expect(declaration("/// one\n///\n///  two \nattention a { attend all }").doc).toBe("one\n\n two");
  expect(declaration("///\nattention a { attend all }").doc).toBe("");
  expect(declaration("attention a { attend all }").doc).toBeUndefined();
  expect(declaration("/// doc\n\n// other\n/* more */ attention a { attend all }").doc).toBe("doc");
  expect(declaration("//// no\nattention a { attend all }").doc).toBeUndefined();
  expect(declaration("/* x */ /// doc\nattention a { attend all }").doc).toBe("doc");
});

test("comments are kept in order with their kinds", () => {
  const { tree } = parse(sourceFile("input.attn", "// a\n/// b\nattention c { /* d\n */ attend all //e\n}"));
  expect(tree.comments.map(({ kind, text }) => [kind, text])).toEqual([
    ["line", "// a"],
    ["doc", "/// b"],
    ["block", "/* d\n */"],
    ["line", "//e"],
  ]);
  expect(tree.comments.map((comment) => textOf(comment.span))).toEqual(tree.comments.map((comment) => comment.text));
});

test("a byte order mark and unusual spaces are nothing", () => {
  expect(clauses("\u00A0attend\u2003all\uFEFF ")).toEqual(["attend\u2003all"]);
  expect(declaration("\uFEFFattention a { attend all }").name.name).toBe("a");
});

test("strings have escapes and any characters", () => {
  const value = expression(String.raw`"a\"b\\c\n\t\r 🙂 // x"`);
  expect(value.kind === "string" && value.value).toBe('a"b\\c\n\t\r 🙂 // x');
});

test("numbers keep their text", () => {
  const list = expression("[007, 1.50, 2E+3, 9007199254740991]");
  expect(list.kind === "list" && list.items.map((n) => n.kind === "number" && [n.value, n.text, n.integer])).toEqual([
    [7, "007", true],
    [1.5, "1.50", false],
    [2000, "2E+3", false],
    [9007199254740991, "9007199254740991", true],
  ]);
});

test("after an error the rest of the file is still read", () => {
  const text = `
import { a b } from "std"
attention first(x: = 1) {
  space  seq causal
  attend near(q, window 3) & k
  select { unit k: token }
  assign {
    when kvh = 2 -> all
    when x -> none none
    else -> all
  }
  emit   lse
}
oops
attention second { attend q <
}
attention third { attend all }
`;
  const { tree, diagnostics } = parse(sourceFile("input.attn", text));
  expect(diagnostics.map((d) => d.code)).toEqual([
    "ATTN1010",
    "ATTN1010",
    "ATTN1010",
    "ATTN1010",
    "ATTN1010",
    "ATTN1018",
    "ATTN1013",
    "ATTN1011",
  ]);
  expect(tree.items.map((item) => (item.kind === "import" ? item.from.value : item.name.name))).toEqual(["", "first", "second", "third"]);
  const first = tree.items[1] as Declaration;
  expect(first.body.clauses.map((clause) => clause.kind)).toEqual(["space", "attend", "select", "assign", "emit"]);
});
