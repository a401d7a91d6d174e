import { readFileSync } from "node:fs";
import { join } from "node:path";

const file = join(import.meta.dirname, "../../patterns/pictures.json");

/** Parameters of the library's pictures, under which short sequences have something to choose from. */
export const pictures = JSON.parse(readFileSync(file, "utf8")) as Readonly<
  Record<string, { readonly set?: Readonly<Record<string, number>> }>
>;

/** Options of the command line with the parameters of an attention's picture. */
export const settingsOf = (name: string): readonly string[] => optionsOf(pictures[name]?.set);

/** Options of the command line with parameters. */
export const optionsOf = (set: Readonly<Record<string, number>> = {}): readonly string[] =>
  Object.entries(set).flatMap(([param, value]) => ["--set", `${param}=${value}`]);
