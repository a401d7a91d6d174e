import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { SourceHost } from "../semantics/host.js";
import { sourceFile } from "../source/file.js";
import type { SourceFile } from "../source/file.js";

/** The folder of the package: the nearest above this file that has the pattern library in it. */
export const packageRoot = findUp(dirname(fileURLToPath(import.meta.url)), (dir) => existsSync(join(dir, "patterns", "dense.attn")));

export const libraryFolder = join(packageRoot, "patterns");

function findUp(from: string, wanted: (folder: string) => boolean): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (wanted(folder)) return folder;
    if (dirname(folder) === folder) return from;
  }
}

/** The project of a file: the nearest folder above it with a package.json or a repository; else its own folder. */
function projectRoot(file: string): string {
  const own = dirname(file);
  const found = findUp(own, (folder) => existsSync(join(folder, "package.json")) || existsSync(join(folder, ".git")));
  return existsSync(join(found, "package.json")) || existsSync(join(found, ".git")) ? found : own;
}

/** Every file that was asked for, there or not: what `--watch` watches. */
export const filesRead = new Set<string>();

let library: readonly SourceFile[] | undefined;

/** The file system as the compiler sees it; paths are as the user gave them, relative to the working folder. */
export const nodeHost: SourceHost = {
  read(path) {
    const file = path.startsWith("std/") && !existsSync(path) ? join(libraryFolder, path.slice(4)) : path;
    filesRead.add(file);
    try {
      return readFileSync(file, "utf8");
    } catch {
      return undefined;
    }
  },
  resolve(from, spec) {
    // A library file keeps its tables beside it.
    if (from.startsWith("std/")) {
      const inside = relative(libraryFolder, resolve(libraryFolder, spec));
      return inside.startsWith("..") ? undefined : `std/${inside.split(sep).join("/")}`;
    }
    const target = resolve(dirname(from), spec);
    const inside = relative(projectRoot(resolve(from)), target);
    if (inside.startsWith("..")) return undefined;
    return relative(process.cwd(), target) || target;
  },
  library() {
    library ??= readdirSync(libraryFolder)
      .filter((name) => name.endsWith(".attn"))
      .sort()
      .map((name) => sourceFile(`std/${name}`, readFileSync(join(libraryFolder, name), "utf8")));
    return library;
  },
};
