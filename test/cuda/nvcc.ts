import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const found = spawnSync("nvcc", ["--version"], { encoding: "utf8" });

/** Why there is no nvcc, or undefined where there is one. */
export const withoutNvcc: string | undefined = found.status === 0 ? undefined : "nvcc is not installed";

/** What it says of its release. */
export const nvccVersion: string = found.stdout ?? "";

export interface Compilation {
  readonly ok: boolean;
  /** What nvcc and ptxas said. */
  readonly log: string;
}

/** Runs nvcc on C++ text, with warnings as errors. */
function run(source: string, architecture: string, options: readonly string[]): Compilation {
  const folder = mkdtempSync(join(tmpdir(), "attnc-nvcc-"));
  try {
    const file = join(folder, "source.cu");
    writeFileSync(file, source);
    const target = `arch=compute_${architecture.slice(3)},code=${architecture}`;
    const fixed = ["-gencode", target, "-std=c++17", "-Werror", "all-warnings", "-o", join(folder, "out")];
    const result = spawnSync("nvcc", [...fixed, ...options, file], { encoding: "utf8", maxBuffer: 1 << 26 });
    return { ok: result.status === 0, log: `${result.stdout}${result.stderr}`.replaceAll(folder, "") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Compiles the kernels of a text for an architecture (`sm_90a`); `-Xptxas -v` is in the log. */
export const nvcc = (source: string, architecture: string): Compilation => run(source, architecture, ["-cubin", "-Xptxas", "-v"]);

/**
 * What the compilers for device and host have against a text, its launcher included, or "". Nothing is made better, which
 * is most of the time that kernels take.
 */
export function nvccProblem(source: string, architecture: string): string {
  const plain = ["-Xcicc", "-O0", "-Xptxas", "-O0"];
  const { ok, log } = run(source, architecture, ["-c", ...plain, "-Xcompiler", "-O0,-Wall,-Wextra,-Werror"]);
  return ok ? "" : log;
}
