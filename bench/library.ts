import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { libraryFolder, nodeHost } from "../compiler/cli/host.js";
import { launchModule, type AttentionModule } from "../compiler/driver/launch.js";
import { buildOperators, checkFile } from "../compiler/driver/pipeline.js";
import type { MaskSettings } from "../compiler/mask/build/settings.js";
import type { MaskModule } from "../compiler/mask/ir.js";
import type { Model } from "../compiler/semantics/model.js";
import { sourceFile } from "../compiler/source/file.js";

/** A file of the pattern library. */
export interface LibraryFile {
  readonly name: string;
  readonly text: string;
}

/** The files of the pattern library, in the order of their names. */
export function libraryFiles(): readonly LibraryFile[] {
  const names = readdirSync(libraryFolder).filter((name) => name.endsWith(".attn"));
  return names.sort().map((name) => ({ name, text: readFileSync(join(libraryFolder, name), "utf8") }));
}

/** An attention compiled from its text, and the milliseconds that took. */
export interface TimedOperator {
  readonly file: string;
  readonly name: string;
  /** From the text of its file to its mask, an equal share for each attention of the file. */
  readonly read: number;
  /** From its mask to the texts of its kernels. */
  readonly build: number;
  readonly mask: MaskModule;
  readonly module: AttentionModule;
}

/** Compiles the attentions of a file one by one. `settings` by the names of an attention's parameters. Throws where one does not compile. */
export function compileTimed(
  file: LibraryFile,
  settings: (params: readonly string[]) => MaskSettings = () => ({}),
): readonly TimedOperator[] {
  const start = performance.now();
  const checked = checkFile(sourceFile(`std/${file.name}`, file.text), nodeHost);
  const checking = performance.now() - start;
  // Of those with branches each branch is an operator: there is no one kernel to speak of.
  const attentions = (checked.model?.attentions ?? []).filter(({ mix }) => mix === undefined);
  return attentions.map((attention) => {
    const begun = performance.now();
    const { modules } = buildOperators(checked, attention.name, settings(paramNames(attention)));
    const lowered = performance.now();
    const [mask] = modules;
    if (mask === undefined) throw new Error(`${file.name}#${attention.name} does not compile with the settings of the bench`);
    const module = launchModule(mask);
    const done = performance.now();
    const read = checking / attentions.length + lowered - begun;
    return { file: file.name, name: attention.name, read, build: done - lowered, mask, module };
  });
}

const paramNames = ({ params }: Model["attentions"][number]): readonly string[] => params.map(({ name }) => name);
