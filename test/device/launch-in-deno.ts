import { runInDeno } from "./deno.js";
import type { LaunchAnswer, LaunchRequest } from "./jobs/launch.js";

/** Runs operators in Deno: many requests in one process. Answers lie in the order of requests and calls. */
export async function launchInDeno(requests: readonly LaunchRequest[]): Promise<LaunchAnswer[][]> {
  return (await runInDeno(new URL("./jobs/launch.ts", import.meta.url), requests)) as LaunchAnswer[][];
}
