import { sourceFile } from "../../compiler/source/file.js";
import { oracleMask, readProgram, type MaskPredicate, type OracleLaunch, type OracleProgram } from "../../compiler/oracle/oracle.js";
import { libraryHost, parseFile } from "../patterns/library.js";

/** A program written in the test, with further files beside it. */
export function programOf(text: string, files: Readonly<Record<string, string>> = {}): OracleProgram {
  return readProgram(sourceFile("main.attn", text), parseFile, libraryHost(files));
}

/** An attention called `a` with this body. */
export function bodyOf(body: string, params = ""): string {
  return `attention a${params} {\n${body}\n}\n`;
}

export function maskOf(
  text: string,
  launch: Partial<OracleLaunch> & { readonly N: number },
  files?: Readonly<Record<string, string>>,
): MaskPredicate {
  return oracleMask(programOf(text, files), "a", { NQ: launch.N, heads: 1, kvHeads: 1, ...launch });
}

/** The mask of one head as lines of `#` and `.`, a line per query. */
export function picture(mask: MaskPredicate, N: number, NQ = N, h = 0): string[] {
  return Array.from({ length: NQ }, (_, i) => Array.from({ length: N }, (_, k) => (mask(0, h, N - NQ + i, k) ? "#" : ".")).join(""));
}

/** The keys that a query sees. */
export function row(mask: MaskPredicate, N: number, q: number, h = 0, b = 0): number[] {
  return Array.from({ length: N }, (_, k) => k).filter((k) => mask(b, h, q, k));
}
