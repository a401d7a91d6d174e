import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { diagnostic } from "../diagnostics/report.js";
import { sourceFile } from "../source/file.js";
import type { SourceFile } from "../source/file.js";
import { reasonOf } from "./io.js";
import { EXIT, Stop } from "./stop.js";

/** `FILE` or `FILE#NAME` on the command line. */
export interface Target {
  readonly file: SourceFile;
  readonly name: string | undefined;
}

/** Files that arguments name; a folder stands for all `.attn` files in and below it, sorted. */
export function readTargets(args: readonly string[]): readonly Target[] {
  return args.flatMap((argument) => {
    const hash = argument.lastIndexOf("#");
    const [path, name] = hash < 0 ? [argument, undefined] : [argument.slice(0, hash), argument.slice(hash + 1)];
    return expand(path).map((file) => ({ file: readSource(file), name }));
  });
}

function expand(path: string): readonly string[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return [path];
  const files = readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".attn") && !name.split(/[\\/]/).includes("node_modules"))
    .sort()
    .map((name) => join(path, name));
  if (files.length === 0)
    throw new Stop([diagnostic("ATTN6201", undefined, { path, reason: "the folder holds no .attn file" })], EXIT.usage);
  return files;
}

export function readSource(path: string): SourceFile {
  return sourceFile(path, new TextDecoder().decode(readBytes(path)));
}

export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Stop([diagnostic("ATTN6201", undefined, { path, reason: reasonOf(error) })], EXIT.usage);
  }
}
