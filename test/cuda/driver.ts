import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The stand-ins for NVIDIA's libraries: paths to load instead of libcuda and libnvrtc. */
export interface EmulatedLibraries {
  readonly cuda: string;
  readonly nvrtc: string;
  /** What an emulated kernel includes, and its launcher: `device.h`, `primitives.h`, `host/cuda_runtime.h`. */
  readonly include: string;
}

const sources = fileURLToPath(new URL("./emulation/", import.meta.url));
const compiler = "g++";
// -O3: products of matrices use vectors, with sums in their order.
const options = ["-std=c++17", "-O3", "-Wall", "-Wextra", "-fPIC", "-pthread"];

function textFiles(folder: string): readonly string[] {
  const inside = (name: string) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? textFiles(path) : /\.(cpp|h)$/.test(name) ? [path] : [];
  };
  return readdirSync(folder).sort().flatMap(inside);
}

function hashOf(files: readonly string[], version: string): string {
  const hash = createHash("sha256").update(version).update(options.join(" "));
  for (const file of files) hash.update(file.slice(sources.length)).update("\0").update(readFileSync(file)).update("\0");
  return hash.digest("hex").slice(0, 24);
}

const patience = 120_000;

/** Others build the library at this time: waits for it, unless they have given up. Whether it is there. */
function waitFor(library: string, lock: string): boolean {
  const asleep = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(library)) {
    const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
    if (since === undefined || Date.now() - since > patience) return existsSync(library);
    Atomics.wait(asleep, 0, 0, 100);
  }
  return true;
}

/** One process builds at a time, the others wait. A lock that its process has left behind holds for {@link patience} ms. */
function buildOnce(library: string, build: () => void): void {
  const lock = `${library}.building`;
  for (;;) {
    try {
      mkdirSync(lock);
    } catch {
      if (waitFor(library, lock)) return;
      rmSync(lock, { recursive: true, force: true });
      continue;
    }
    try {
      if (!existsSync(library)) build();
      return;
    } finally {
      rmSync(lock, { recursive: true, force: true });
    }
  }
}

/** Builds the library in a folder of its own and moves it to its place in one step. */
function build(files: readonly string[], name: string, library: string, parent: string): void {
  const folder = mkdtempSync(join(parent, "building-"));
  try {
    const made = join(folder, "library.so");
    const defines = [`-DEMULATION_BUILD="${name}"`, `-DEMULATION_INCLUDE="${join(sources, "include")}"`];
    const code = files.filter((file) => file.endsWith(".cpp"));
    const result = spawnSync(compiler, [...options, "-shared", ...defines, "-o", made, ...code], { encoding: "utf8" });
    if (result.status !== 0) throw new Error(`g++ could not build the emulation:\n${result.stderr}`);
    renameSync(made, library);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Builds the emulation of the CUDA driver and of NVRTC, unless that has been done: it is kept in the system's folder
 * for temporary files by the hash of its sources. A text says why it is not possible here.
 */
export function emulatedLibraries(): EmulatedLibraries | string {
  if (process.platform !== "linux") return "the emulated GPU needs Linux";
  if (process.arch !== "x64" && process.arch !== "arm64") return "the emulated GPU needs x86-64 or 64-bit Arm";
  const found = spawnSync(compiler, ["--version"], { encoding: "utf8" });
  if (found.status !== 0) return "g++ is not installed";
  const files = textFiles(sources);
  const name = hashOf(files, `${found.stdout} ${sources}`);
  const parent = join(tmpdir(), `attnc-emulation-${process.getuid?.() ?? 0}`);
  const library = join(parent, `${name}.so`);
  if (!existsSync(library)) {
    mkdirSync(parent, { recursive: true });
    buildOnce(library, () => build(files, name, library, parent));
  }
  return { cuda: library, nvrtc: library, include: join(sources, "include") };
}
