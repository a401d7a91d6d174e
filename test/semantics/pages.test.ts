import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compile, show } from "./compile.js";

const folder = new URL("../../compiler/diagnostics/messages/", import.meta.url);
const pages = readdirSync(folder).filter((name) => /^ATTN[23]\d{3}\.md$/.test(name));
/** A library of one pattern. */
const library = { "streaming.attn": "pattern a_shape(sink = 4) {\n  attend k < sink\n}\n" };

/** The programs of a page in a fence with this mark. */
function examples(page: string, mark: string): string[] {
  const text = readFileSync(new URL(page, folder), "utf8");
  return [...text.matchAll(new RegExp(`^\`\`\`attn ${mark}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map((match) => match[1]!);
}

test.each(pages.filter((page) => examples(page, "wrong").length > 0))("%s: what it calls wrong gives the code, and no other", (page) => {
  for (const program of examples(page, "wrong")) {
    const { diagnostics } = compile(program, { library });
    expect([...new Set(diagnostics.map((d) => d.code))], diagnostics.map(show).join("\n")).toEqual([page.slice(0, 8)]);
    for (const d of diagnostics) expect(d.message + (d.hint ?? "")).not.toMatch(/undefined|\{[a-z]+\}/);
  }
});

test.each(pages.filter((page) => examples(page, "right").length > 0))("%s: what it calls right gives none", (page) => {
  for (const program of examples(page, "right")) expect(compile(program, { library }).diagnostics.map(show)).toEqual([]);
});

test.each(pages.filter((page) => examples(page, "wrong").length === 0))("%s has a golden, for want of an example", (page) => {
  expect(existsSync(new URL(`../diagnostics/${page.slice(0, 8)}`, import.meta.url))).toBe(true);
});
