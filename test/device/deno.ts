import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { findDeno, findLavapipe } from "../../bench/device/find-deno.js";
import { fromTypedJson, toTypedJson } from "./typed-json.js";

/**
 * The second device of the tests: Deno, whose WebGPU is wgpu and naga, over Mesa's lavapipe. It is
 * stricter about WGSL than Dawn, has f16, and runs the sources of the runtime as they are.
 */
interface DenoDevice {
  /** The executable itself: the package's launcher in JavaScript does not pass signals on. */
  readonly executable: string;
  /** The manifest of lavapipe. */
  readonly driver: string;
}

/** The device, or why there is none. */
function findDenoDevice(): DenoDevice | string {
  if (process.platform !== "linux") return "lavapipe is looked for on Linux only";
  const executable = findDeno();
  if (executable === undefined) return "the npm package `deno` is not installed for this machine";
  const driver = findLavapipe();
  if (driver === undefined) return "lavapipe is not installed (Debian: mesa-vulkan-drivers)";
  return { executable, driver };
}

const found = findDenoDevice();

/** Why tests on Deno are skipped; undefined where they run. */
export const denoMissing: string | undefined = typeof found === "string" ? found : undefined;

/** Runs an executable to its end, for what it prints; rejects with all of its output when it fails or takes longer than `timeout` ms. */
function execute(executable: string, args: readonly string[], env: NodeJS.ProcessEnv, timeout: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(executable, args, { env, stdio: ["ignore", "pipe", "pipe"], timeout, killSignal: "SIGKILL" });
    let [output, printed] = ["", ""];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`deno ended with ${signal ?? code}:\n${output}`));
    });
  });
}

/**
 * Calls `job(device, input)` of a module in Deno and gives back what it resolves to. Input and result are
 * plain data and typed arrays. `module` is a URL; see `jobs/`. One process for each call, about 0.2 s: put
 * many cases into one. Rejects where the job throws, and where {@link denoMissing} says why.
 */
export function runInDeno(module: URL, input: unknown, timeout = 100_000): Promise<unknown> {
  return inFolder(async (folder) => {
    const [inputPath, outputPath] = [join(folder, "input.json"), join(folder, "output.json")];
    await writeFile(inputPath, toTypedJson(input));
    const main = fileURLToPath(new URL("./deno-main.ts", import.meta.url));
    await inDeno(folder, ["--no-config", "--no-npm", main, module.href, inputPath, outputPath], timeout);
    const { adapter, result } = fromTypedJson(await readFile(outputPath, "utf8")) as { adapter: string; result: unknown };
    // Hardware would answer too where the driver was not taken: another machine's results, not these.
    if (!/llvmpipe|lavapipe/i.test(adapter)) throw new Error(`Deno ran on ${adapter}, not on lavapipe`);
    return result;
  });
}

/** Runs the command line in Deno, once for each list of arguments, in one process; gives back what is printed. */
export function attncInDeno(runs: readonly (readonly string[])[], timeout: number): Promise<string> {
  return inFolder(async (folder) => {
    const path = join(folder, "runs.json");
    await writeFile(path, JSON.stringify(runs));
    return inDeno(folder, ["--no-check", fileURLToPath(new URL("./attnc-in-deno.ts", import.meta.url)), path], timeout);
  });
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "attnc-deno-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `deno run` with lavapipe as its only driver. Imports of `.js` find the `.ts` beside them. */
function inDeno(folder: string, args: readonly string[], timeout: number): Promise<string> {
  if (typeof found === "string") return Promise.reject(new Error(`no Deno device: ${found}`));
  const env = {
    ...process.env,
    VK_ICD_FILENAMES: found.driver,
    VK_DRIVER_FILES: found.driver,
    XDG_RUNTIME_DIR: folder,
    DENO_DIR: join(tmpdir(), "attnc-deno-cache"),
    DENO_NO_UPDATE_CHECK: "1",
  };
  const flags = ["--quiet", "--no-lock", "--no-remote", "--allow-all", "--unstable-webgpu", "--unstable-sloppy-imports"];
  return execute(found.executable, ["run", ...flags, ...args], env, timeout);
}

/** A test that needs {@link runInDeno}, skipped where it cannot run; its name then says why. */
export function denoTest(name: string, body: () => Promise<void>, timeout = 120_000): void {
  if (denoMissing !== undefined) test.skip(`${name} [skipped: ${denoMissing}]`, () => undefined);
  else test(name, body, timeout);
}
