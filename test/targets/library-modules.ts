import { nodeHost } from "../../compiler/cli/host.js";
import { buildOperators, checkFile } from "../../compiler/driver/pipeline.js";
import type { Checked } from "../../compiler/driver/pipeline.js";
import type { MaskSettings } from "../../compiler/mask/build/settings.js";
import type { MaskModule } from "../../compiler/mask/ir.js";
import { sourceFile } from "../../compiler/source/file.js";
import type { SourceFile } from "../../compiler/source/file.js";

const checked = new Map<SourceFile, Checked>();

function check(file: SourceFile): Checked {
  let found = checked.get(file);
  if (!found) checked.set(file, (found = checkFile(file, nodeHost)));
  return found;
}

function modulesOf(file: SourceFile, name?: string, settings?: MaskSettings): readonly MaskModule[] {
  const { modules, diagnostics } = buildOperators(check(file), name, settings);
  if (modules.length === 0) throw new Error(`${file.name}#${name ?? ""}: ${diagnostics.map((d) => `${d.code} ${d.message}`).join("; ")}`);
  return modules;
}

/** Every operator of the library as the whole front half of the compiler makes it. */
export function libraryModules(settings?: MaskSettings): readonly MaskModule[] {
  return nodeHost.library().flatMap((file) => (hasAttention(file) ? modulesOf(file, undefined, settings) : []));
}

const hasAttention = (file: SourceFile): boolean => check(file).model!.attentions.length > 0;

/** One operator of the library, and the file it stands in after checking. */
export function libraryModule(file: string, name: string, settings?: MaskSettings): { module: MaskModule; checked: Checked } {
  const source = nodeHost.library().find((each) => each.name === `std/${file}`);
  if (!source) throw new Error(`no library file ${file}`);
  return { module: modulesOf(source, name, settings)[0]!, checked: check(source) };
}

/** The one operator of a text. */
export function moduleOfText(text: string, settings?: MaskSettings): MaskModule {
  return modulesOf(sourceFile("test.attn", text), undefined, settings)[0]!;
}
