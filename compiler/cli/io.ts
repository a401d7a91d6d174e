import type { Diagnostic } from "../diagnostics/diagnostic.js";
import { EXIT } from "./stop.js";

/** Data goes to stdout, everything else to stderr. */
export function print(text: string): void {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** Writes a long output piece by piece, for as long as there is a reader. */
export function printPieces(pieces: Iterable<string | Uint8Array>): void {
  for (const piece of pieces) {
    if (process.stdout.errored) return;
    process.stdout.write(piece);
  }
}

export function say(text: string): void {
  process.stderr.write(text.endsWith("\n") ? text : `${text}\n`);
}

const coloured = (stream: NodeJS.WriteStream): boolean => stream.isTTY === true && process.env["NO_COLOR"] === undefined;

/** Diagnostics as people read them; the code frames are loaded only where there is something to show. */
export async function renderFor(stream: NodeJS.WriteStream, diagnostics: readonly Diagnostic[]): Promise<string> {
  const { renderPretty } = await import("../diagnostics/render.js");
  return renderPretty(diagnostics, { color: coloured(stream) });
}

export async function sayDiagnostics(diagnostics: readonly Diagnostic[]): Promise<void> {
  if (diagnostics.length > 0) say(await renderFor(process.stderr, diagnostics));
}

/**
 * A reader that goes away (`attnc … | head`) ends the program in peace; a stdout that cannot be written to is
 * said in a line.
 */
export function watchStdout(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") say(`cannot write to stdout: ${reasonOf(error)}`);
    process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.usage);
  });
  // Without a reader of messages there is nobody to tell.
  process.stderr.on("error", () => undefined);
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
    case "EEXIST":
      return "a file is in the place of a folder";
    case "ENOSPC":
      return "no space left on the disk";
    case "EROFS":
      return "the file system is read-only";
    case "ENAMETOOLONG":
      return "the name is too long";
    case "ERR_FS_FILE_TOO_LARGE":
      return "the file is larger than 2 GiB";
    default:
      return code ?? String(error);
  }
}
