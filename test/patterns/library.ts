import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sourceFile, type SourceFile } from "../../compiler/source/file.js";
import { parse } from "../../compiler/syntax/parser.js";
import { readProgram, type OracleHost, type OracleProgram } from "../../compiler/oracle/oracle.js";

const folder = join(import.meta.dirname, "../../patterns");

/** The files of the library, named as the compiler names them. */
export const libraryFiles: readonly SourceFile[] = readdirSync(folder)
  .filter((name) => name.endsWith(".attn"))
  .sort()
  .map((name) => sourceFile(`std/${name}`, readFileSync(join(folder, name), "utf8")));

/** Reads the library's files and tables; other files are looked up in `files`. */
export function libraryHost(files: Readonly<Record<string, string>> = {}): OracleHost {
  return {
    read: (path) => {
      if (files[path] !== undefined) return files[path];
      return path.startsWith("std/") ? readFileSync(join(folder, path.slice(4)), "utf8") : undefined;
    },
    resolve: (from, spec) => join(from, "..", spec),
    library: () => libraryFiles,
  };
}

export function parseFile(file: SourceFile) {
  const { tree, diagnostics } = parse(file);
  if (diagnostics.length > 0) throw new Error(`${file.name}: ${diagnostics.map((d) => d.message).join("; ")}`);
  return tree;
}

export function libraryProgram(file: string): OracleProgram {
  const source = libraryFiles.find((each) => each.name === `std/${file}`);
  if (source === undefined) throw new Error(`no library file ${file}`);
  return readProgram(source, parseFile, libraryHost());
}
