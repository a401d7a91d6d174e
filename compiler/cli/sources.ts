import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Diagnostic } from "../diagnostics/diagnostic.js";
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

export interface Targets {
  readonly targets: readonly Target[];
  /** Files that cannot be read. */
  readonly problems: readonly Diagnostic[];
}

/** Files that arguments name, each once; a folder stands for all `.attn` files in and below it, sorted. */
export function findTargets(args: readonly string[]): Targets {
  const targets = new Map<string, Target>();
  const problems: Diagnostic[] = [];
  const files = new Map<string, SourceFile>();
  for (const argument of args) {
    const { path, name } = splitTarget(argument);
    try {
      for (const each of expand(path)) {
        let file = files.get(each);
        if (!file) files.set(each, (file = readSource(each)));
        if (!targets.has(each)) targets.set(name === undefined ? each : `${each}#${name}`, { file, name });
      }
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      problems.push(...error.diagnostics);
    }
  }
  return { targets: [...targets.values()], problems };
}

/** As {@link findTargets}, where nothing can be done without all of them. */
export function readTargets(args: readonly string[]): readonly Target[] {
  const { targets, problems } = findTargets(args);
  if (problems.length > 0) throw new Stop(problems, EXIT.usage);
  return targets;
}

/** Takes `FILE#NAME` apart, unless a file of that very name is there. */
export function splitTarget(argument: string): { readonly path: string; readonly name: string | undefined } {
  const hash = argument.lastIndexOf("#");
  if (hash < 0 || statSync(argument, { throwIfNoEntry: false })) return { path: argument, name: undefined };
  return { path: argument.slice(0, hash), name: argument.slice(hash + 1) };
}

function expand(path: string): readonly string[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return [path];
  let names: readonly string[];
  try {
    names = readdirSync(path, { recursive: true, encoding: "utf8" });
  } catch (error) {
    throw unreadable(path, reasonOf(error));
  }
  const wanted = names.filter((name) => name.endsWith(".attn") && !name.split(/[\\/]/).includes("node_modules"));
  const files = wanted.sort().map((name) => join(path, name));
  if (files.length === 0) throw unreadable(path, "the folder holds no .attn file");
  return files;
}

export function readSource(path: string): SourceFile {
  return sourceFile(path, new TextDecoder().decode(readBytes(path)));
}

/** The bytes of a file; `hint` says what it should have been, where it is not a `.attn` file. */
export function readBytes(path: string, hint?: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw unreadable(path, reasonOf(error), hint);
  }
}

function unreadable(path: string, reason: string, hint?: string): Stop {
  return new Stop([diagnostic("ATTN6201", undefined, { path: path === "" ? '""' : path, reason }, { hint })], EXIT.usage);
}
