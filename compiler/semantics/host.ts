import { sourceFile, type SourceFile } from "../source/file.js";
import { joinPath } from "./paths.js";

/** What the compiler asks of the world while it reads a program: other files, and the library called `std`. */
export interface SourceHost {
  /** The text of a file by a path that {@link resolve} gave, or undefined when there is none. */
  read(path: string): string | undefined;
  /** The path that `spec`, written in the file `from`, means; undefined when it lies outside of that file's project root. */
  resolve(from: string, spec: string): string | undefined;
  /** The files of the library. Their names start with `std/`. */
  library(): readonly SourceFile[];
}

/** A host over texts in memory; its project root is the empty path. */
export function memoryHost(files: Readonly<Record<string, string>>, library: readonly SourceFile[] = []): SourceHost {
  return {
    read: (path) => (Object.hasOwn(files, path) ? files[path] : library.find((file) => file.name === path)?.text),
    resolve: (from, spec) => {
      const path = joinPath(from, spec);
      return path.startsWith("../") ? undefined : path;
    },
    library: () => library,
  };
}

/** A library file for {@link memoryHost}. */
export function libraryFile(name: string, text: string): SourceFile {
  return sourceFile(`std/${name}`, text);
}
