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

/** What a golden is about. */
export interface Golden {
  readonly code: string;
  /** Its folder. */
  readonly home: string;
  readonly files: GoldenFiles;
}

/** The codes whose first digit is among `ranges`; there is a test that every folder of the ranges is one of them. */
function codesOf(ranges: string): readonly string[] {
  const inRange = (code: string) => ranges.includes(code.charAt(4));
  const codes = Object.keys(catalogue).filter(inRange);
  test(`every folder of the ranges ${ranges} is a code of the catalogue`, () => {
    const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map((entry) => entry.name).filter((name) => inRange(name) && !codes.includes(name))).toEqual([]);
  });
  return codes;
}

/**
 * One test for each code of the ranges: `expected.txt` in its folder is the exact rendering of what `diagnose` finds.
 * `npx vitest run -u` writes the renderings anew.
 */
export function renderedGoldens(
  ranges: string,
  diagnose: (golden: Golden) => readonly Diagnostic[] | Promise<readonly Diagnostic[]>,
): void {
  test.each(codesOf(ranges))("%s is reported and rendered", async (code) => {
    const home = join(folder, code);
    const names = existsSync(home) ? readdirSync(home).filter((name) => name !== "expected.txt") : [];
    const files = new Map(names.map((name) => [name, new Uint8Array(readFileSync(join(home, name)))]));
    const diagnostics = await diagnose({ code, home, files });
    expect(diagnostics.map((d) => d.code)).toContain(code);
    await expect(renderPretty(diagnostics)).toMatchFileSnapshot(join(home, "expected.txt"));
  });
}

/**
 * Goldens of source texts: `test/diagnostics/<CODE>/` holds `input.attn`, any files that it needs, and `expected.txt`.
 * A code without a folder fails, and so does a folder without a code.
 */
export function diagnosticGoldens(
  ranges: string,
  diagnose: (files: GoldenFiles) => readonly Diagnostic[] | Promise<readonly Diagnostic[]>,
): void {
  renderedGoldens(ranges, ({ code, files }) => {
    expect(files.has("input.attn"), `test/diagnostics/${code}/input.attn is missing`).toBe(true);
    return diagnose(files);
  });
}
