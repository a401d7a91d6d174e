import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { MaskModule } from "../mask/ir.js";
import { writeFile } from "./write-files.js";

/** The winners that `attnc tune` remembers, in the user's cache folder: `{ "version": 1, "winners": { KEY: SCHEDULE } }`. */
export interface TunedFile {
  readonly path: string;
  get(key: string): string | undefined;
  /** Writes the file, whole or not at all. Stops with ATTN6208 where it cannot be written. */
  set(key: string, schedule: string): void;
  /** Whether there may be a winner for an operator: a look before its kernels are compiled. */
  mentions(module: MaskModule): boolean;
  /** The winner that was measured last, on any device, for kernels that `moduleKey` names. */
  latest(moduleKey: string): string | undefined;
}

export function tunedFile(): TunedFile {
  const path = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "attnc", "tuned.json");
  return {
    path,
    get: (key) => read(path).get(key),
    set(key, schedule) {
      // Read just before: another process may have measured meanwhile.
      const winners = read(path);
      // The last measured is the last in the file.
      winners.delete(key);
      winners.set(key, schedule);
      writeFile(path, `${JSON.stringify({ version: 1, winners: Object.fromEntries(winners) }, undefined, 2)}\n`);
    },
    mentions: ({ name, shape }) => {
      const start = `attnc tuned ${name} ${shape.dtype} ${shape.headDim}x${shape.valueDim} `;
      return [...read(path).keys()].some((key) => key.startsWith(start));
    },
    latest: (moduleKey) => [...read(path)].findLast(([key]) => key.startsWith(`${moduleKey} on `))?.[1],
  };
}

/** What is remembered. A file that is missing or is not of this form remembers nothing: it is a cache. */
function read(path: string): Map<string, string> {
  try {
    const { version, winners } = JSON.parse(readFileSync(path, "utf8")) as { version?: unknown; winners?: unknown };
    if (version !== 1 || typeof winners !== "object" || winners === null) return new Map();
    return new Map(Object.entries(winners).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  } catch {
    return new Map();
  }
}
