import { expect, test } from "vitest";
import { joinPath } from "../../compiler/semantics/paths.js";
import { moduleOf, problems } from "./compile.js";

const window = "pattern w(n = 4) {\n  attend q - k < n\n}\n";
const use = (from: string, name = "w") => `import { ${name} } from "${from}"\nattention a {\n  space seq causal\n  attend ${name}\n}\n`;

test("patterns come from files beside, below and above, and from the library", () => {
  expect(problems(use("./w.attn"), { files: { "w.attn": window } })).toEqual([]);
  expect(problems(use("./w"), { files: { "w.attn": window } })).toEqual([]);
  expect(problems(use("./sub/../w.attn"), { files: { "w.attn": window } })).toEqual([]);
  expect(problems(use("std"), { library: { "windows.attn": window } })).toEqual([]);
});

test("an import that cannot be has its place and is reported once", () => {
  expect(problems(use("./w.attn"))).toEqual(['ATTN2010 1:19 "\\"./w.attn\\""']);
  expect(problems(use("../w.attn"))).toEqual(['ATTN2013 1:19 "\\"../w.attn\\""']);
  expect(problems(use("w.attn"))).toEqual(['ATTN2014 1:19 "\\"w.attn\\""']);
  expect(problems(use("./w.attn", "v"), { files: { "w.attn": window } })).toEqual(['ATTN2011 1:10 "v"']);
  expect(problems(use("std", "v"), { library: { "windows.attn": window } })).toEqual(['ATTN2011 1:10 "v"']);
});

test("a cycle is reported where it closes", () => {
  const other = `import { a } from "./main.attn"\n${window}`;
  expect(problems(use("./w.attn"), { files: { "w.attn": other } })).toEqual(['ATTN2012 1:19 "\\"./main.attn\\""']);
  expect(problems(use("./main.attn"))).toEqual(['ATTN2012 1:19 "\\"./main.attn\\""']);
});

test("imported names are not passed on, and clash like others", () => {
  const files = { "w.attn": window, "v.attn": `import { w } from "./w.attn"\npattern v {\n  attend w\n}\n` };
  expect(problems(use("./v.attn", "w"), { files })).toEqual(['ATTN2011 1:10 "w"']);
  expect(problems(`${use("./w.attn")}${window}`, { files })).toEqual(['ATTN2002 6:9 "w"']);
});

test("only patterns can be used as terms", () => {
  const inner = "attention w {\n  space seq causal\n  attend all\n}\n";
  expect(problems(use("./w.attn"), { files: { "w.attn": inner } })).toEqual(['ATTN2015 4:10 "w"']);
});

test("mistakes in an imported file are reported in that file, once", () => {
  const bad = "pattern w(n = 4) {\n  attend q - k < m\n}\npattern v(n = 4) {\n  attend q - k < n\n}\n";
  const text = `import { w, v } from "./w.attn"\nattention a {\n  space seq causal\n  attend w | v\n}\n`;
  expect(problems(text, { files: { "w.attn": bad } })).toEqual(['ATTN2001 2:18 "m"']);
});

test("patterns may be used before they are declared, and by each other", () => {
  const text = `attention a {\n  space seq causal\n  attend v(8)\n}\npattern v(n = 2) {\n  attend w(n: n) | k < n\n}\n${window}`;
  expect(moduleOf(text).mask).toMatchObject({ kind: "and" });
});

test("a pattern that uses itself through another is found", () => {
  const text = `attention a {\n  space seq causal\n  attend v\n}\npattern v {\n  attend u | k < 2\n}\npattern u {\n  attend v\n}\n`;
  expect(problems(text)).toEqual(['ATTN2016 9:10 "v"']);
});

test("paths are joined", () => {
  expect(joinPath("a/b.attn", "./c.attn")).toBe("a/c.attn");
  expect(joinPath("a/b.attn", "../../c.attn")).toBe("../c.attn");
  expect(joinPath("/a/b.attn", "../c/./d.attn")).toBe("/c/d.attn");
  expect(joinPath("", "./x//y")).toBe("x/y");
});
