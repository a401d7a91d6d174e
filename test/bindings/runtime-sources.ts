import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The sources of the runtime as the command line gives them to the generator. */
export function runtimeSources(): ReadonlyMap<string, string> {
  const folder = join(import.meta.dirname, "../../runtime/launch");
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
  return new Map(paths.sort().map((path) => [path.replaceAll("\\", "/"), readFileSync(join(folder, path), "utf8")]));
}
