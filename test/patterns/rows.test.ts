import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { libraryFiles, parseFile } from "./library.js";

interface Row {
  readonly row: string;
  readonly system: string;
  readonly status: "works" | "partly" | "missing";
  readonly patterns: readonly string[];
  readonly missing: string;
}

const rows = JSON.parse(readFileSync(join(import.meta.dirname, "../../patterns/rows.json"), "utf8")) as Row[];

const documented = new Map<string, string>(
  libraryFiles.flatMap((file) =>
    parseFile(file).items.flatMap((item) =>
      item.kind === "import" ? [] : [[`${file.name.slice(4)}#${item.name.name}`, item.doc ?? ""] as const],
    ),
  ),
);

test("every row has its patterns, or says what is missing", () => {
  const lettered: Readonly<Record<number, readonly string[]>> = { 29: ["a", "b"], 65: ["a", "b", "c"], 80: ["a", "b"] };
  const numbers = Array.from({ length: 81 }, (_, i) => i + 1);
  expect(rows.map((row) => row.row)).toEqual(numbers.flatMap((n) => (lettered[n] ?? [""]).map((letter) => `${n}${letter}`)));
  for (const row of rows) {
    expect(["works", "partly", "missing"]).toContain(row.status);
    expect(row.patterns.length > 0).toBe(row.status !== "missing");
    if (row.status !== "works") expect(row.missing).not.toBe("");
  }
});

test("the patterns of a row exist, and their documentation names the row", () => {
  for (const { row, patterns } of rows) {
    for (const pattern of patterns) {
      expect(documented.has(pattern), pattern).toBe(true);
      expect(documented.get(pattern), `${pattern} and row ${row}`).toMatch(new RegExp(`\\brows?\\s+([\\w, ]*\\b)?${row}\\b`));
    }
  }
});
