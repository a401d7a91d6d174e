import { execFile } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect } from "vitest";
import { softwareTest } from "../device/software.js";
import { buildExample, ROOT } from "./example.js";

/** What the script of an example says, run as its README says to. It fails where the script's own check does. */
async function said(name: string, source: string): Promise<string> {
  const { folder, remove } = await buildExample(name, source, false);
  try {
    // The package as it is installed, but for the sources in place of what is built from them.
    const installed = join(folder, "node_modules/attnc");
    mkdirSync(installed, { recursive: true });
    symlinkSync(join(ROOT, "runtime"), join(installed, "runtime"), "junction");
    const exports = { "./runtime": "./runtime/index.ts", "./device": "./runtime/device/open.ts" };
    writeFileSync(join(installed, "package.json"), JSON.stringify({ name: "attnc", type: "module", exports }));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));

    const loader = pathToFileURL(join(ROOT, "node_modules/tsx/dist/esm/index.mjs")).href;
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", loader, "main.js", "software"], { cwd: folder });
    return stdout;
  } finally {
    remove();
  }
}

softwareTest("examples/node: the script runs and its own check holds", async () => {
  const text = await said("node", "packed.attn");
  expect(text).toMatch(/^Device: .*\(software\)$/m);
  expect(text).toMatch(/^Head 5, query 660: sees keys 650 to 660; off by \d.\de-\d+ from plain loops\.$/m);
});

softwareTest("examples/decoding: the script runs and its own check holds", async () => {
  const text = await said("decoding", "pages.attn");
  expect(text.match(/^Step \d: 48 of 126 pages, (chosen|reused); \d+% of the mass\.$/gm)).toHaveLength(6);
  expect(text).toMatch(/^Off by \d.\de-\d+ from plain loops over the chosen pages\.$/m);
});
