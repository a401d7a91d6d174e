import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { BROKEN, folderWith, TWO } from "./attnc.js";

/** The program itself, run from its sources: what only a process of its own shows. */
const program = [...["--import", import.meta.resolve("tsx")], fileURLToPath(new URL("../../compiler/cli/main.ts", import.meta.url))];
const folder = folderWith({ "two.attn": TWO, "broken.attn": BROKEN });

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], stdout: "pipe" | number = "pipe") {
  const child = spawn(process.execPath, [...program, ...args], { cwd: folder, stdio: ["ignore", stdout, "pipe"] });
  const text = { stdout: "", stderr: "" };
  child.stdout?.on("data", (piece: Buffer) => (text.stdout += piece.toString()));
  child.stderr!.on("data", (piece: Buffer) => (text.stderr += piece.toString()));
  const ended = new Promise<Ended>((resolve) => child.on("close", (code, signal) => resolve({ code, signal, ...text })));
  return { child, text, ended };
}

test("data goes to stdout, messages to stderr, and the exit code says how it went", async () => {
  const [wrong, right, misused] = await Promise.all([
    start(["check", "broken.attn"]).ended,
    start(["mask", "two.attn#dense", "--seq", "300", "--format", "json"]).ended,
    start(["mask", "two.attn#dense"]).ended,
  ]);
  expect(wrong).toMatchObject({ code: 1, stderr: "" });
  expect(wrong.stdout).toContain("error ATTN2001");
  expect(right).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(right.stdout)).toMatchObject({ version: 1, q: 300 });
  expect(misused).toMatchObject({ code: 2, stdout: "" });
});

test("a reader that goes away ends the program in peace", async () => {
  const { child, ended } = start(["mask", "two.attn#dense", "--seq", "2000", "--format", "json", "--head", "0"]);
  child.stdout!.once("data", () => child.stdout!.destroy());
  const { code, stderr } = await ended;
  expect(code).toBe(0);
  expect(stderr).not.toMatch(/error|EPIPE/i);
});

test.runIf(existsSync("/dev/full"))("a stdout that takes nothing is said in a line", async () => {
  const full = openSync("/dev/full", "w");
  const result = await start(["check", "broken.attn"], full).ended;
  closeSync(full);
  expect(result).toMatchObject({ code: 2, stderr: "cannot write to stdout: no space left on the disk\n" });
});

test("an interrupt ends a long command at once, and nothing half-written is left", async () => {
  const { child, text, ended } = start(["mask", "two.attn#sliding", "--seq", "30000", "--head", "0", "--out", "mask.npy"]);
  // It is at work when it shows progress.
  await new Promise<void>((resolve) => child.stderr!.on("data", () => text.stderr.includes("row") && resolve()));
  child.kill("SIGINT");
  expect(await ended).toMatchObject({ code: null, signal: "SIGINT" });
  expect(readdirSync(folder).sort()).toEqual(["broken.attn", "two.attn"]);
});

test("--watch builds again when an imported file changes, and outlives mistakes", async () => {
  const own = folderWith({
    "package.json": "{}",
    "parts.attn": "pattern band(w = 4) {\n  attend q - k < w\n}\n",
    "a.attn": `import { band } from "./parts.attn"\n\nattention a {\n  space  seq causal\n  attend band()\n}\n`,
  });
  const { child, text, ended } = start(["build", join(own, "a.attn"), "--target", "wgsl", "--watch"]);
  const until = async (words: string, again: () => void = () => undefined): Promise<void> => {
    const deadline = performance.now() + 60_000;
    for (let i = 1; !text.stderr.includes(words) && performance.now() < deadline; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      // A busy system may not watch a file yet when it has been told to.
      if (i % 100 === 0) again();
    }
    expect(text.stderr).toContain(words);
    text.stderr = "";
  };
  const change = async (path: string, content: string, words: string): Promise<void> => {
    const write = (): void => writeFileSync(path, content);
    write();
    await until(words, write);
  };
  try {
    await until("watching ");
    const parts = join(own, "parts.attn");
    const good = readFileSync(parts, "utf8");
    await change(parts, good.replace("< w", "< ww"), "there is nothing called `ww` here");
    await change(parts, good.replace("= 4", "= 77"), "wrote ");
    expect(readFileSync(join(own, "a.a.d64.f32-gpu.wgsl"), "utf8")).toContain("77");
  } finally {
    child.kill("SIGINT");
  }
  expect(await ended).toMatchObject({ signal: "SIGINT", stdout: "" });
});
