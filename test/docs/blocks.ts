import { existsSync, readFileSync } from "node:fs";

/** A fenced block of a Markdown file. */
export interface Block {
  /** What follows the fence's marks: `attn wrong ATTN2206`. */
  readonly info: string;
  readonly text: string;
  /** The line of its first mark, from 1. */
  readonly line: number;
  /** The line of text behind the block, where a code may stand. */
  readonly after: string;
}

/** The fenced blocks of a file of the repository; none where there is no such file. */
export function blocksOf(path: string): readonly Block[] {
  const file = new URL(`../../${path}`, import.meta.url);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  const blocks: Block[] = [];
  for (let i = 0; i < lines.length; i++) {
    const info = /^```(\S.*)?$/.exec(lines[i]!);
    if (info === null) continue;
    const end = lines.indexOf("```", i + 1);
    if (end < 0) throw new Error(`${path}:${i + 1}: the block is never closed`);
    const after = lines.slice(end + 1).find((line) => line.trim() !== "") ?? "";
    blocks.push({ info: (info[1] ?? "").trim(), text: lines.slice(i + 1, end).join("\n") + "\n", line: i + 1, after });
    i = end;
  }
  return blocks;
}
