import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Timing, TimingJob } from "../measure/contestant.js";
import { findPeer } from "../peer/find.js";
import type { BenchDevice } from "./bench-device.js";
import { findDeno, findLavapipe } from "./find-deno.js";
import type { Answer, Setup } from "./protocol.js";

/** Imports of `.js` find the `.ts` beside them; nothing is looked for on the net. */
const FLAGS = ["--quiet", "--no-config", "--no-lock", "--no-npm", "--no-remote", "--no-check", "--allow-all"];
const UNSTABLE = ["--unstable-webgpu", "--unstable-sloppy-imports"];

/** A running Deno that answers jobs. */
interface Connection {
  readonly ready: Extract<Answer, { kind: "ready" }>;
  time(job: TimingJob): Promise<readonly Timing[]>;
  close(): Promise<void>;
}

/**
 * Deno with a WebGPU device in it: `software` takes lavapipe, `hardware` what the system offers. Rejects
 * where there is none, with the reason. A job in which Deno ends is one whose contestants all failed; the next
 * starts it anew.
 */
export async function openDeno(kind: "software" | "hardware", progress: (text: string) => void): Promise<BenchDevice> {
  const executable = findDeno();
  if (executable === undefined) throw new Error("the npm package `deno` is not installed for this machine");
  const driver = kind === "software" ? findLavapipe() : undefined;
  if (kind === "software" && driver === undefined) throw new Error("lavapipe is not installed (Debian: mesa-vulkan-drivers)");
  const folder = await mkdtemp(join(tmpdir(), "attnc-bench-"));
  const env = {
    ...process.env,
    ...(driver !== undefined && { VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver }),
    XDG_RUNTIME_DIR: process.env["XDG_RUNTIME_DIR"] ?? folder,
    DENO_DIR: join(tmpdir(), "attnc-deno-cache"),
    DENO_NO_UPDATE_CHECK: "1",
  };
  const setup: Setup = { peer: findPeer() };
  let connection: Connection | undefined = await connect(executable, env, setup, progress);
  const { adapter, software, runtime } = connection.ready;
  return {
    adapter,
    software,
    runtime,
    peer: setup.peer?.version,
    time: async (job) => {
      try {
        connection ??= await connect(executable, env, setup, progress);
        return await connection.time(job);
      } catch (error) {
        connection = undefined;
        return job.contestants.map(({ label }) => ({ label, times: [], failure: (error as Error).message }));
      }
    },
    close: async () => {
      await connection?.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts the process and waits until it has its device. Everything rejects where the process ends. */
async function connect(executable: string, env: NodeJS.ProcessEnv, setup: Setup, progress: (text: string) => void): Promise<Connection> {
  const main = fileURLToPath(new URL("./deno-main.ts", import.meta.url));
  const child = spawn(executable, ["run", ...FLAGS, ...UNSTABLE, main, JSON.stringify(setup)], { env, stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<never>((_, reject) => {
    child.on("error", reject);
    // Writes to a process that has ended are told by its end.
    child.stdin.on("error", () => undefined);
    child.on("exit", (code, signal) => reject(new Error(`Deno ended with ${signal ?? code}`)));
  });
  // Nobody waits for it between jobs.
  ended.catch(() => undefined);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <K extends Answer["kind"]>(kind: K): Promise<Extract<Answer, { kind: K }>> => {
    for (;;) {
      const { value, done } = await Promise.race([answers.next(), ended]);
      if (done) return ended;
      const answer = JSON.parse(value as string) as Answer;
      if (answer.kind === "progress") progress(answer.text);
      if (answer.kind === kind) return answer as Extract<Answer, { kind: K }>;
    }
  };
  return {
    ready: await next("ready"),
    time: async (job) => {
      child.stdin.write(`${JSON.stringify(job)}\n`);
      return (await next("done")).timings;
    },
    close: async () => {
      child.stdin.end();
      await ended.catch(() => undefined);
    },
  };
}
