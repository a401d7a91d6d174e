import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { attnc, folderWith } from "../cli/attnc.js";
import { costJson } from "../../compiler/cli/cost-json.js";
import type { CostReport } from "../../compiler/tiles/report.js";

const page = readFileSync(new URL("../../docs/explain.md", import.meta.url), "utf8");
const block = (language: string): string => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)![1]!;

test("the example of the page is what the command prints", async () => {
  const folder = folderWith({ "streaming.attn": block("attn") });
  const [command, ...expected] = block("text").split("\n");
  const { code, stdout } = await attnc(folder, ...command!.replace("$ attnc ", "").split(" "));
  expect(code).toBe(0);
  expect(stdout.trimEnd()).toBe(expected.join("\n").trimEnd());
});

/** Every name of a JSON value. */
function namesOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(namesOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...namesOf(inner)]);
}

test("the page names every field of the JSON report", async () => {
  const folder = folderWith({
    "grid.attn": "attention g(r = 100) {\n  space grid(y: 32, x: 32) causal\n  attend q - k == r | q == k\n}\n",
  });
  const { stdout } = await attnc(folder, "explain", "grid.attn", "--format", "json");
  const report = JSON.parse(stdout) as CostReport;
  expect(costJson(report)).toEqual(report);
  expect(report.suggestions.length).toBeGreaterThan(0);
  const table = page.slice(page.indexOf("## JSON"));
  const named = (name: string): boolean => [`\`${name}\``, `\`${name}[]\``, `.${name}\``].some((text) => table.includes(text));
  expect([...new Set(namesOf(report))].filter((name) => !named(name))).toEqual([]);
});
