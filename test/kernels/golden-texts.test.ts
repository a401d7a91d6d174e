import { readdirSync, readFileSync } from "node:fs";
import { expect } from "vitest";
import { softwareTest } from "../device/software.js";

const folder = new URL("../golden/levels/", import.meta.url);

/** Kernels of the goldens, but for those that need a feature the software adapter has not; naga checks these too. */
const texts = readdirSync(folder)
  .filter((name) => name.endsWith(".wgsl"))
  .map((name) => ({ name, code: readFileSync(new URL(name, folder), "utf8") }))
  .filter(({ code }) => !code.includes("enable f16;"));

softwareTest("Dawn takes the kernels of the goldens: uniformity, limits and all", async ({ device }) => {
  expect(texts.length).toBeGreaterThan(10);
  const problems: string[] = [];
  for (const { name, code } of texts) {
    device.pushErrorScope("validation");
    const info = await device.createShaderModule({ label: name, code }).getCompilationInfo();
    const error = await device.popErrorScope();
    for (const message of info.messages) problems.push(`${name}:${message.lineNum}: ${message.message}`);
    if (error) problems.push(`${name}: ${error.message}`);
  }
  expect(problems).toEqual([]);
});
