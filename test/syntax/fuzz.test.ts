import fc from "fast-check";
import { expect, test } from "vitest";
import { renderPretty, toGithub, toJson } from "../../compiler/diagnostics/render.js";
import { sourceFile } from "../../compiler/source/file.js";
import { format } from "../../compiler/syntax/format.js";
import { parse } from "../../compiler/syntax/parser.js";
import { print } from "../../compiler/syntax/print.js";
import { file } from "./arbitrary.js";
import { everyClause } from "./programs.js";

/** A small generator of our own: ten thousand files from one seed must not take long to make. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const fragments = [
  ..."(){}[],;:.=+-*/%<>!&|?\"'\\#@§ \t\n\r",
  ...[
    "\r\n",
    "//",
    "///",
    "/*",
    "*/",
    "->",
    "+=",
    "==",
    "<=",
    "&&",
    "=>",
    "1e",
    "0x1",
    "12",
    "3.",
    ".5",
    "\u2028",
    "\uFEFF",
    "\u{1F600}",
    "\uD800",
  ],
  ...[
    "if ",
    " else ",
    " in ",
    "when ",
    "attention a {",
    "pattern ",
    "import {",
    "cache c(",
    "attend ",
    "space seq",
    "assign {",
    "select s {",
  ],
  ...["min", "max", "over", "from", "keep", "use", "let x = ", "runtime", '"text"', "near(x, window: 3)", "else -> "],
];

/** Reads a text in every way; throws where a stage does, or where what it says cannot be right. */
function check(text: string, alsoFormat = true): void {
  const source = sourceFile("fuzz.attn", text);
  const { tree, diagnostics } = parse(source);
  let last = 0;
  for (const d of diagnostics) {
    const sound = d.span?.file === source && d.span.start >= last && d.span.end >= d.span.start && d.span.end <= text.length;
    if (!sound || /[\n\r]|undefined|NaN|(Clause|Inner|Reserved|Declaration)_/.test(d.message))
      throw new Error(`${JSON.stringify(text)}: ${d.message}`);
    last = d.span!.start;
  }
  print(tree);
  renderPretty(diagnostics);
  toJson(diagnostics);
  toGithub(diagnostics);
  if (!alsoFormat) return;
  const result = format(source);
  if ("text" in result === diagnostics.some((d) => d.severity === "error")) throw new Error(`${JSON.stringify(text)}: formatted or not`);
  if ("text" in result) expect(format(sourceFile("again.attn", result.text))).toEqual(result);
}

/** Cuts, doubles, swaps and inserts pieces of a text. */
function mutate(text: string, random: (below: number) => number): string {
  let out = text;
  for (let i = 1 + random(4); i > 0; i--) {
    const at = random(out.length + 1);
    const end = Math.min(out.length, at + 1 + random(random(4) === 0 ? 200 : 6));
    const other = random(out.length + 1);
    const kind = random(5);
    if (kind === 0) out = out.slice(0, at) + out.slice(end);
    else if (kind === 1) out = out.slice(0, end) + out.slice(at);
    else if (kind === 2) out = out.slice(0, at) + fragments[random(fragments.length)]! + out.slice(at);
    else if (kind === 3) out = out.slice(0, at) + fragments[random(fragments.length)]! + out.slice(end);
    else out = out.slice(0, at) + out.slice(other, other + random(40)) + out.slice(at);
  }
  return out;
}

test("5,000 random files are read without a throw", () => {
  const random = randomNumbers(1);
  for (let i = 0; i < 5000; i++) {
    let text = "";
    for (let n = random(60); n > 0; n--) text += fragments[random(fragments.length)]!;
    check(text, i % 4 === 0);
  }
});

test("5,000 mutated programs are read without a throw", () => {
  const random = randomNumbers(2);
  const programs = [everyClause, ...fc.sample(file, { numRuns: 40, seed: 3 }).map(print)];
  for (let i = 0; i < 5000; i++) check(mutate(programs[random(programs.length)]!.slice(0, 1200), random), i % 4 === 0);
});

test.each([
  ["parentheses", (n: number) => `attention a { attend ${"(".repeat(n)}q${")".repeat(n)} }`],
  ["open parentheses", (n: number) => `attention a { attend ${"(".repeat(n)}`],
  ["closing parentheses", (n: number) => `attention a { attend q${")".repeat(n)} }`],
  ["mixed brackets", (n: number) => `attention a { attend ${"([{".repeat(n / 3)}${")]}".repeat(n / 3)} }`],
  ["braces", (n: number) => `attention a ${"{ select b ".repeat(n / 3)}`],
  ["lists", (n: number) => `attention a { attend ${"[".repeat(n)}q${"]".repeat(n)} }`],
  ["calls", (n: number) => `attention a { attend ${"f(".repeat(n)}q${")".repeat(n)} }`],
  ["signs", (n: number) => `attention a { attend ${"!".repeat(n)}q }`],
  ["a row of operators", (n: number) => `attention a { attend q${" | k".repeat(n)} }`],
  ["a row of comparisons", (n: number) => `attention a { attend q${" < k".repeat(n)} }`],
  ["a row of members", (n: number) => `attention a { attend q${".a".repeat(n)} }`],
  ["a row of indices", (n: number) => `attention a { attend q${"[1]".repeat(n)} }`],
  ["conditionals after else", (n: number) => `attention a { attend q${" if k else q".repeat(n)} }`],
  ["conditionals after if", (n: number) => `attention a { attend q${" if k".repeat(n)}${" else q".repeat(n)} }`],
  ["open conditionals", (n: number) => `attention a { attend q${" if k".repeat(n)} }`],
  ["open comments", (n: number) => "/*".repeat(n)],
  ["quotes", (n: number) => `attention a { attend ${'"\n'.repeat(n)} }`],
  ["stray characters", (n: number) => "§ ".repeat(n)],
  ["errors in one line", (n: number) => `attention a { attend ${") a ".repeat(n)} }`],
  ["errors on many lines", (n: number) => `attention a {\n${"  attend q <\n".repeat(n)}}`],
  ["unknown clauses", (n: number) => `attention a {\n${"  atend q\n".repeat(n)}}`],
  ["words", (n: number) => "word ".repeat(n)],
  ["one long word", (n: number) => `attention a { ${"x".repeat(n)} }`],
  ["documentation", (n: number) => "/// a\n\n".repeat(n)],
  ["declarations", (n: number) => "attention a { attend q }\n".repeat(n / 5)],
  ["clauses", (n: number) => `attention a {\n${"  attend q - k < 4 // c\n".repeat(n / 5)}}`],
])("%s in the ten thousands neither overflow the stack nor take long", (_, make) => {
  // A quadratic step would take minutes, and meet the time limit.
  check(make(12_000));
});
