import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, mkdirSync, openSync, realpathSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import type { Stats } from "node:fs";
import { dirname, join } from "node:path";
import { diagnostic } from "../diagnostics/report.js";
import { reasonOf } from "./io.js";
import { EXIT, Stop } from "./stop.js";

/** What a file is to hold: whole, or in pieces where it may be too long for one string. */
export type Content = string | Uint8Array | Iterable<string | Uint8Array>;

/** Writes files so that each appears whole or not at all, and none of them if one cannot be written. */
export function writeFiles(files: ReadonlyMap<string, Content>): void {
  const staged: { readonly temporary: string; readonly path: string; readonly target: string }[] = [];
  let present = "";
  try {
    for (const [path, content] of files) {
      present = path;
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats?.isDirectory()) throw Object.assign(new Error(path), { code: "EISDIR" });
      // Devices and pipes are written to; a file put in their place would be a surprise.
      if (stats && !stats.isFile()) writeContent(path, content);
      else staged.push(stage(path, stats, content));
    }
    for (const { temporary, path, target } of staged) {
      present = path;
      renameSync(temporary, target);
    }
  } catch (error) {
    for (const { temporary } of staged) rmSync(temporary, { force: true });
    if ((error as { code?: unknown }).code === undefined) throw error;
    throw new Stop([diagnostic("ATTN6208", undefined, { path: present, reason: reasonOf(error) })], EXIT.usage);
  }
}

export function writeFile(path: string, content: Content): void {
  writeFiles(new Map([[path, content]]));
}

/** Writes beside the target, which keeps its permissions, and stays behind its link where it is one. */
function stage(path: string, stats: Stats | undefined, content: Content): { temporary: string; path: string; target: string } {
  const target = stats ? realpathSync(path) : path;
  makeFolder(dirname(target));
  const temporary = join(dirname(target), `.${randomBytes(6).toString("hex")}.tmp`);
  try {
    writeContent(temporary, content);
    if (stats) chmodSync(temporary, stats.mode);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return { temporary, path, target };
}

/** As mkdir with `recursive`, which never comes back for a folder below one that takes no entries, such as /proc. */
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(folder) !== folder) makeFolder(dirname(folder));
  mkdirSync(folder);
}

function writeContent(path: string, content: Content): void {
  if (typeof content === "string" || content instanceof Uint8Array) return writeFileSync(path, content);
  const file = openSync(path, "w");
  try {
    for (const piece of content) {
      const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    }
  } finally {
    closeSync(file);
  }
}
