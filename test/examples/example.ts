import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateTypeScript } from "../../compiler/bindings/typescript.js";
import { launchModule } from "../../compiler/driver/launch.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { runtimeSources } from "../bindings/runtime-sources.js";
import { moduleOf } from "../semantics/compile.js";

export const ROOT = join(import.meta.dirname, "../..");

/** A copy of an example with its generated file, as its README says to make it. */
export interface BuiltExample {
  readonly folder: string;
  readonly mask: MaskModule;
  readonly remove: () => void;
}

export async function buildExample(name: string, source: string, standalone: boolean): Promise<BuiltExample> {
  const folder = mkdtempSync(join(tmpdir(), `attnc-example-${name}-`));
  cpSync(join(ROOT, "examples", name), folder, { recursive: true, filter: (path) => !path.endsWith("generated") });
  const mask = moduleOf(readFileSync(join(folder, source), "utf8"));
  const options = { version: "0.0.0-test", source, js: true, ...(standalone ? { standalone: runtimeSources() } : {}) };
  mkdirSync(join(folder, "generated"));
  for (const file of await generateTypeScript([{ mask, launch: launchModule(mask) }], options))
    writeFileSync(join(folder, "generated", file.name), file.text);
  return { folder, mask, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
