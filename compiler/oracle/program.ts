import { sourceFile, type SourceFile } from "../source/file.js";
import type { Declaration, FileNode } from "../syntax/ast.js";

/** What the oracle asks of the world: the texts of other files. A host of the compiler fits. */
export interface OracleHost {
  read(path: string): string | undefined;
  resolve(from: string, spec: string): string | undefined;
  library(): readonly SourceFile[];
}

/** One file with the declarations that its text can name: its own and those it imports. */
export interface OracleFile {
  readonly source: SourceFile;
  readonly declarations: ReadonlyMap<string, OracleDeclaration>;
}

/** A declaration and the file whose names its body means. */
export interface OracleDeclaration {
  readonly node: Declaration;
  readonly home: OracleFile;
}

export interface OracleProgram {
  readonly entry: OracleFile;
  readonly host: OracleHost;
}

/** The program cannot be evaluated. The compiler reports such programs; here it is only an end. */
export class OracleError extends Error {
  override readonly name = "OracleError";
}

interface OpenFile extends OracleFile {
  readonly declarations: Map<string, OracleDeclaration>;
}

/**
 * Reads a file and all that it imports.
 * @param parse turns a text into its tree; the oracle brings no parser of its own.
 * @throws OracleError for a file or a name that is not there.
 */
export function readProgram(entry: SourceFile, parse: (file: SourceFile) => FileNode, host: OracleHost): OracleProgram {
  const files = new Map<string, OpenFile>();

  function open(source: SourceFile): OpenFile {
    const present = files.get(source.name);
    if (present !== undefined) return present;
    const file: OpenFile = { source, declarations: new Map() };
    files.set(source.name, file);
    const tree = parse(source);
    // Own declarations first: files that import one another find them although neither is finished.
    for (const item of tree.items) if (item.kind !== "import") file.declarations.set(item.name.name, { node: item, home: file });
    for (const item of tree.items) {
      if (item.kind !== "import") continue;
      for (const { name } of item.names) file.declarations.set(name, find(name, source, item.from.value));
    }
    return file;
  }

  function find(name: string, from: SourceFile, spec: string): OracleDeclaration {
    for (const source of spec === "std" ? host.library() : [other(from, spec)]) {
      if (!source.name.endsWith(".attn")) continue;
      const file = open(source);
      const found = file.declarations.get(name);
      if (found !== undefined && found.home === file) return found;
    }
    throw new OracleError(`no ${name} in "${spec}"`);
  }

  function other(from: SourceFile, spec: string): SourceFile {
    const path = host.resolve(from.name, spec);
    const text = path === undefined ? undefined : host.read(path);
    if (path === undefined || text === undefined) throw new OracleError(`no file "${spec}" from ${from.name}`);
    return sourceFile(path, text);
  }

  return { entry: open(entry), host };
}
