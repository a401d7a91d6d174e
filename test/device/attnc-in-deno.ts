/**
 * Runs in Deno: `attnc-in-deno.ts RUNS`, the path of a JSON list of arguments of `attnc` for each run. One process for all:
 * most of a short run is its start. Ends with 0 where all runs did.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { buildProgram } from "../../compiler/cli/program.js";

const runs = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as readonly (readonly string[])[];
let worst = 0;
for (const run of runs) {
  await buildProgram((code) => (worst = Math.max(worst, code))).parseAsync(run, { from: "user" });
}
process.exit(worst);
