import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import { afterAll, beforeEach, expect, test } from "vitest";
import type { CudaSource } from "../../../runtime/cuda/device.js";
import { compileCubin } from "../../../runtime/device/cuda-compile.js";
import { openCudaDevice } from "../../../runtime/device/cuda.js";
import { withoutNvcc } from "../../cuda/nvcc.js";
import { emulatedTest, useEmulatedGpu } from "../cuda/emulated.js";
import { withEnvironment } from "../cuda/environment.js";

useEmulatedGpu();

let cache: string;
const caches: string[] = [];
beforeEach(() => caches.push((cache = mkdtempSync(join(tmpdir(), "attnc-cubin-")))));
afterAll(() => caches.forEach((each) => rmSync(each, { recursive: true })));

const KERNEL = 'extern "C" __global__ void add(int* a, int b) { a[threadIdx.x] += b; }\n';
const source = (text: string, architectureOnly = false): CudaSource => ({ name: "add", source: text, architectureOnly });
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const cubins = (): string[] => {
  const folder = join(cache, "attnc");
  return readdirSync(folder).map((name) => join(folder, name, "kernels.cubin"));
};

emulatedTest("machine code is kept by its source, its architecture and its compiler", async () => {
  await withEnvironment({ XDG_CACHE_HOME: cache }, async () => {
    const first = await compileCubin(koffi, source(KERNEL), 90);
    expect(cubins()).toHaveLength(1);
    expect(same(readFileSync(cubins()[0]!), first)).toBe(true);
    // What is in the cache is what is used.
    expect(same(await compileCubin(koffi, source(KERNEL), 90), first)).toBe(true);
    expect(cubins()).toHaveLength(1);
    await compileCubin(koffi, source(`${KERNEL}\n`), 90);
    await compileCubin(koffi, source(KERNEL, true), 90);
    await compileCubin(koffi, source(KERNEL), 80);
    expect(cubins()).toHaveLength(4);
  });
});

emulatedTest("the compiler's log is in the error, and nothing is kept", async () => {
  await withEnvironment({ XDG_CACHE_HOME: cache }, async () => {
    const wrong = compileCubin(koffi, source("__global__ void add(int* a) { a[0] = nothing; }"), 90);
    await expect(wrong).rejects.toThrow(
      /^ATTN5305: add: expected CUDA C\+\+ that NVRTC 13\.0 compiles for sm_90, found errors:\n[^]*nothing[^]*Where the compiler/,
    );
    expect(readdirSync(join(cache, "attnc"))).toEqual([]);
  });
});

emulatedTest("machine code for another architecture is refused with what to do", async (device) => {
  await withEnvironment({ XDG_CACHE_HOME: cache }, async () => {
    const cubin = await compileCubin(koffi, source(KERNEL), 80);
    await expect(device.load({ ...source(""), cubin })).rejects.toThrow(
      "ATTN5303: device: expected cuModuleLoadData of the CUDA driver to succeed, found CUDA_ERROR_NO_BINARY_FOR_GPU (",
    );
  });
});

emulatedTest("a cubin that was given is loaded as it is", async (device) => {
  await withEnvironment({ XDG_CACHE_HOME: cache }, async () => {
    const cubin = await compileCubin(koffi, source(KERNEL), 90);
    const program = await device.load({ ...source("no source at all"), cubin });
    const memory = device.allocate(16);
    device.upload(memory, Int32Array.of(1, 2, 3, 4));
    const parameters = [new Uint8Array(BigUint64Array.of(memory).buffer), new Uint8Array(Int32Array.of(10).buffer)];
    device.launch(program.function("add", 0), { blocks: 1, threads: 4, sharedBytes: 0, parameters, stream: 0n });
    const result = new Int32Array(4);
    device.download(result, memory);
    expect([...result]).toEqual([11, 12, 13, 14]);
    expect(() => program.function("subtract", 0)).toThrow(/^ATTN5303: .*cuModuleGetFunction.* found CUDA_ERROR_NOT_FOUND/);
    device.free(memory);
    program.unload();
  });
});

emulatedTest("a device that is not there is refused", async () => {
  await expect(openCudaDevice({ ordinal: 1 })).rejects.toThrow("ATTN5302: device: expected a device from 0 to 0, found 1.");
});

test("a library that ATTNC_NVRTC names and that is not there is an error, also where nvcc is", async () => {
  await withEnvironment({ XDG_CACHE_HOME: cache, ATTNC_NVRTC: "/nowhere/libnvrtc.so" }, async () => {
    await expect(compileCubin(koffi, source(KERNEL), 90)).rejects.toThrow(
      /^ATTN5304: compiler: expected the NVRTC library that ATTNC_NVRTC names, found \/nowhere\/libnvrtc\.so: .*\. Let the variable name NVRTC's library, or unset it; or give a cubin that nvcc made elsewhere\.$/,
    );
  });
});

/** Without NVRTC, as most machines that have only nvcc. */
const onlyNvcc = { ATTNC_NVRTC: undefined, CUDA_HOME: undefined, CUDA_PATH: undefined, VIRTUAL_ENV: undefined, CONDA_PREFIX: undefined };

test.skipIf(withoutNvcc)("nvcc compiles where NVRTC is not installed", async () => {
  await withEnvironment({ ...onlyNvcc, XDG_CACHE_HOME: cache }, async () => {
    const cubin = await compileCubin(koffi, source(KERNEL), 80);
    expect(String.fromCharCode(...cubin.subarray(1, 4))).toBe("ELF");
    await expect(compileCubin(koffi, source("__global__ void add() { nothing(); }"), 80)).rejects.toThrow(/^ATTN5305: add: [^]*nothing/);
  });
});
