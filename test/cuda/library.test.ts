import { spawn } from "node:child_process";
import { describe, expect, test } from "vitest";
import { emulatedLibraries } from "./driver.js";

const libraries = emulatedLibraries();
const reason = typeof libraries === "string" ? libraries : undefined;

interface Report {
  readonly device: string;
  readonly results: readonly { readonly name: string; readonly ok: boolean; readonly cases: readonly unknown[] }[];
}

/** `attnc verify --device cuda` on the emulated device; its answer, and what it said. */
async function verify(options: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<{ report: Report; said: string }> {
  if (typeof libraries === "string") throw new Error(libraries);
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "compiler/cli/main.ts", "verify", ...options, "--device", "cuda", "--format", "json"],
    { env: { ...process.env, ATTNC_CUDA_DRIVER: libraries.cuda, ATTNC_NVRTC: libraries.nvrtc, ...environment } },
  );
  let [out, said] = ["", ""];
  child.stdout.on("data", (text) => (out += text));
  child.stderr.on("data", (text) => (said += text));
  await new Promise((resolve) => child.on("close", resolve));
  if (out === "") throw new Error(said);
  return { report: JSON.parse(out) as Report, said };
}

const failed = ({ report }: { report: Report }): readonly string[] => report.results.filter(({ ok }) => !ok).map(({ name }) => name);

/** The best kernel of each dtype: on the emulated device wgmma where its rows are not gathered; and mma for all. */
const wholeLibrary = [
  { what: "float32 on CUDA cores", options: ["--dtype", "f32"] },
  { what: "mma", options: ["--dtype", "f16", "--kernel", "mma-f16"] },
  { what: "wgmma, or mma where rows are gathered", options: ["--dtype", "bf16"] },
] as const;

const kernels = [
  { kernel: "cores-f16", dtype: "f16", dims: [20, 64, 256] },
  { kernel: "cores-f32", dtype: "f32", dims: [32, 96, 128] },
  { kernel: "mma-f16", dtype: "f16", dims: [32, 64, 128] },
  { kernel: "mma-bf16", dtype: "bf16", dims: [96, 256] },
  { kernel: "wgmma-f16", dtype: "f16", dims: [32, 96, 256] },
  { kernel: "wgmma-bf16", dtype: "bf16", dims: [64, 128] },
] as const;

describe.skipIf(reason !== undefined)(`CUDA kernels on the emulated device${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  test.each(wholeLibrary)("every operator of the library with $what", { timeout: 900_000 }, async ({ options }) => {
    const answer = await verify(["patterns", "--quick", "--seq", "97", ...options]);
    expect(failed(answer), answer.said).toEqual([]);
    expect(answer.report.results.length).toBeGreaterThan(60);
  });

  for (const { kernel, dtype, dims } of kernels) {
    test.each(dims)(`${kernel} with head dim %d, in a random order, races looked for`, { timeout: 300_000 }, async (headDim) => {
      const shape = ["--head-dim", String(headDim), "--heads", "4", "--kv-heads", "2", "--dtype", dtype, "--kernel", kernel];
      const answer = await verify(["patterns/windows.attn#sliding_window", "--seq", "1,131", "--quick", ...shape], {
        ATTNC_EMULATION_CHECK: "1",
        ATTNC_EMULATION_SEED: String(headDim),
      });
      expect(failed(answer), answer.said).toEqual([]);
    });
  }
});
