import { randomBytes } from "node:crypto";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { diagnostic } from "../diagnostics/report.js";
import { EXIT, Stop } from "./stop.js";

/** Data goes to stdout, everything else to stderr. */
export function print(text: string): void {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

export function say(text: string): void {
  process.stderr.write(text.endsWith("\n") ? text : `${text}\n`);
}

export const colours = (stream: NodeJS.WriteStream): boolean => stream.isTTY === true && process.env["NO_COLOR"] === undefined;

/**
 * Progress on stderr for what takes longer than a second: one line that is rewritten in a terminal,
 * a line every few seconds elsewhere.
 */
export class Progress {
  private readonly start = performance.now();
  private last = this.start;
  private open = false;

  update(text: string): void {
    const now = performance.now();
    const live = process.stderr.isTTY === true;
    if (now - this.start < 1000 || now - this.last < (live ? 100 : 5000)) return;
    this.last = now;
    if (live) process.stderr.write(`\r\x1b[2K${text.slice(0, (process.stderr.columns || 80) - 1)}`);
    else say(text);
    this.open = live;
  }

  done(): void {
    if (this.open) process.stderr.write("\r\x1b[2K");
    this.open = false;
  }
}

/** Writes files so that each appears whole or not at all, and none of them if one cannot be written. */
export function writeFiles(files: ReadonlyMap<string, string | Uint8Array>): void {
  const staged: { readonly temporary: string; readonly path: string }[] = [];
  let present = "";
  try {
    for (const [path, content] of files) {
      present = path;
      mkdirSync(dirname(path), { recursive: true });
      const temporary = join(dirname(path), `.${randomBytes(6).toString("hex")}.tmp`);
      staged.push({ temporary, path });
      writeFileSync(temporary, content);
    }
    for (const { temporary, path } of staged) {
      present = path;
      renameSync(temporary, path);
    }
  } catch (error) {
    for (const { temporary } of staged) rmSync(temporary, { force: true });
    throw new Stop([diagnostic("ATTN6208", undefined, { path: present, reason: reasonOf(error) })], EXIT.usage);
  }
}

export function writeFile(path: string, content: string | Uint8Array): void {
  writeFiles(new Map([[path, content]]));
}

/** What the system says of a failed file operation, in a few words. */
export function reasonOf(error: unknown): string {
  const code = (error as { code?: string }).code;
  switch (code) {
    case "ENOENT":
      return "no such file or folder";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EISDIR":
      return "it is a folder";
    case "ENOTDIR":
      return "a part of the path is not a folder";
    case "ENOSPC":
      return "no space left on the disk";
    case "EROFS":
      return "the file system is read-only";
    default:
      return code ?? String(error);
  }
}
