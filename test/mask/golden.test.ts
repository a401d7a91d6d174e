import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { printModule } from "../../compiler/mask/print.js";
import { compile, show } from "../semantics/compile.js";

/**
 * Each golden/NAME.attn is compiled, and its masks printed, to golden/NAME.mask. Tables and imports are
 * taken from the same folder. `npx vitest run test/mask/golden -u` writes the expected texts anew: read
 * the difference before you keep it.
 */
const folder = new URL("./golden/", import.meta.url);
const names = readdirSync(folder);
const files = Object.fromEntries(
  names.filter((name) => !name.endsWith(".mask")).map((name) => [name, readFileSync(new URL(name, folder), "utf8")]),
);
const cases = names.filter((name) => name.endsWith(".attn"));

test.each(cases)("the masks of %s", async (name) => {
  const { modules, diagnostics } = compile(files[name]!, { files });
  expect(diagnostics.map(show)).toEqual([]);
  expect(modules.length).toBeGreaterThan(0);
  await expect(modules.map(printModule).join("\n")).toMatchFileSnapshot(new URL(name.replace(/\.attn$/, ".mask"), folder).pathname);
});
