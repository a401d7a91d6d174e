import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { catalogue } from "../../compiler/diagnostics/catalogue.js";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.js";
import { renderPretty } from "../../compiler/diagnostics/render.js";

const folder = fileURLToPath(new URL(".", import.meta.url));

/** The files of a golden by name. The one that is compiled is `input.attn`; the others are there to be imported or read. */
export type GoldenFiles = ReadonlyMap<string, Uint8Array>;

/**
 * One test for each code whose first digit is among `ranges`: `test/diagnostics/<CODE>/` holds `input.attn`, any files
 * that it needs, and `expected.txt`, the exact rendering of what `diagnose` says about it. `npx vitest run -u` writes
 * the renderings anew. A code without a folder fails, and so does a folder without a code.
 */
export function diagnosticGoldens(
  ranges: string,
  diagnose: (files: GoldenFiles) => readonly Diagnostic[] | Promise<readonly Diagnostic[]>,
): void {
  const inRange = (code: string) => ranges.includes(code.charAt(4));
  const codes = Object.keys(catalogue).filter(inRange);
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());

  test(`every folder of the ranges ${ranges} is a code of the catalogue`, () => {
    expect(folders.map((entry) => entry.name).filter((name) => inRange(name) && !codes.includes(name))).toEqual([]);
  });

  test.each(codes)("%s is reported and rendered", async (code) => {
    const home = join(folder, code);
    expect(existsSync(join(home, "input.attn")), `test/diagnostics/${code}/input.attn is missing`).toBe(true);
    const names = readdirSync(home).filter((name) => name !== "expected.txt");
    const files = new Map(names.map((name) => [name, new Uint8Array(readFileSync(join(home, name)))]));
    const diagnostics = await diagnose(files);
    expect(diagnostics.map((d) => d.code)).toContain(code);
    await expect(renderPretty(diagnostics)).toMatchFileSnapshot(join(home, "expected.txt"));
  });
}
