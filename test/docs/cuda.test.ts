import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FAMILIES } from "../../compiler/targets/cuda/families.js";
import { attnc, folderWith } from "../cli/attnc.js";

const page = readFileSync(new URL("../../docs/cuda.md", import.meta.url), "utf8");
const block = (language: string): string => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)![1]!;

const folder = folderWith({ "sliding.attn": block("attn") });

test("the command of the page writes the files that it lists", async () => {
  const [command, ...wrote] = block("text").trimEnd().split("\n");
  const { code, stderr } = await attnc(folder, ...command!.replace("$ attnc ", "").split(" "));
  expect(code).toBe(0);
  const said = stderr.split("\n");
  expect(wrote.filter((line) => !said.includes(line))).toEqual([]);
});

test("the call in C uses what the header has", () => {
  const header = readFileSync(join(folder, "sliding.sliding.h"), "utf8");
  const names = [...block("c").matchAll(/\b(attnc_\w+|ATTNC_\w+)\b/g), ...block("c").matchAll(/\bcall\.(\w+)/g)].map((match) => match[1]!);
  expect(names.length).toBeGreaterThan(15);
  expect([...new Set(names)].filter((name) => !new RegExp(`\\b${name}\\b`).test(header))).toEqual([]);
});

test("the table of families is that of the compiler", () => {
  for (const { name, architecture } of FAMILIES) {
    expect(page).toMatch(new RegExp(`^\\| \`${name}\` \\|[^|]*\\|[^|]*${architecture / 10}`, "m"));
  }
});
