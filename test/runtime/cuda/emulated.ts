import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import type { CudaDevice } from "../../../runtime/cuda/device.js";
import { openCudaDevice } from "../../../runtime/device/cuda.js";
import { emulatedLibraries } from "../../cuda/driver.js";

const libraries = emulatedLibraries();

/** Lets the rest of the file use the emulated GPU, with a cache of its own. */
export function useEmulatedGpu(): void {
  let before: Record<string, string | undefined>;
  let cache: string;
  beforeAll(() => {
    cache = mkdtempSync(join(tmpdir(), "attnc-cuda-cache-"));
    before = Object.fromEntries(["ATTNC_CUDA_DRIVER", "ATTNC_NVRTC", "XDG_CACHE_HOME"].map((name) => [name, process.env[name]]));
    if (typeof libraries === "string") return;
    Object.assign(process.env, { ATTNC_CUDA_DRIVER: libraries.cuda, ATTNC_NVRTC: libraries.nvrtc, XDG_CACHE_HOME: cache });
  });
  afterAll(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    rmSync(cache, { recursive: true });
  });
}

let device: Promise<CudaDevice> | undefined;

/** A test on the emulated GPU, skipped where it cannot be built; its name then says why. */
export function emulatedTest(name: string, body: (device: CudaDevice) => void | Promise<void>, timeout = 300_000): void {
  if (typeof libraries === "string") test.skip(`${name} [skipped: ${libraries}]`, () => undefined);
  else test(name, async () => body(await (device ??= openCudaDevice())), timeout);
}
