import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleCommandLine } from "../../scripts/bundle.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The command line, made from the sources for one test file. */
export interface BundledCommandLine {
  readonly main: string;
  remove(): void;
}

/**
 * Bundles the command line from its sources, in a second. Run through tsx instead, each function is given its name when
 * it is made, which is a third of the time of a long run.
 */
export async function bundledCommandLine(): Promise<BundledCommandLine> {
  // In this package: the command line finds the library by the place that it is in.
  const parent = join(root, ".cache");
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "command-line-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    await bundleCommandLine(relative(root, folder));
  } catch (error) {
    remove();
    throw error;
  }
  return { main: join(folder, "main.js"), remove };
}
