import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { buildProgram } from "../../compiler/cli/program.js";
import { attnc, folderWith } from "../cli/attnc.js";

const page = readFileSync(new URL("../../docs/tuning.md", import.meta.url), "utf8");
const block = (language: string): string => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)![1]!;

test("the operator of the page compiles, and the app's names are those of its file", async () => {
  const folder = folderWith({ "streaming.attn": block("attn") });
  const { code } = await attnc(folder, "build", "streaming.attn", "--target", "wgsl");
  expect(code).toBe(0);
  const file = readFileSync(`${folder}/streaming.attn.ts`, "utf8");
  for (const [, name] of block("ts").matchAll(/\b((?:create|tune)Streaming)\b/g)) expect(file).toContain(`export async function ${name}(`);
});

test("every option that the page names is one", () => {
  const options = buildProgram(() => undefined).commands.flatMap((command) => command.options.map((option) => option.long));
  const named = [...page.matchAll(/--[a-z][a-z-]+/g)].map(([name]) => name);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !options.includes(name))).toEqual([]);
});

/** Every name of a JSON value. */
function namesOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(namesOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...namesOf(inner)]);
}

test("the page names every field of the JSON report", () => {
  const report = JSON.parse(readFileSync(new URL("../cli/tune/report.json", import.meta.url), "utf8")) as unknown;
  const table = page.slice(page.indexOf("## JSON"));
  const named = (name: string): boolean =>
    [`\`${name}\``, `\`${name}[]\``, `\`.${name}\``, `\`.${name}[]\``].some((text) => table.includes(text));
  expect([...new Set(namesOf(report))].filter((name) => !named(name))).toEqual([]);
});
