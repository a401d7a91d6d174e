import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { openCudaDevice } from "../../../runtime/device/cuda.js";
import { loadDriver, loadNvrtc } from "../../../runtime/device/cuda-libraries.js";
import { withEnvironment } from "../cuda/environment.js";

type Koffi = Parameters<typeof loadDriver>[0];

const folder = mkdtempSync(join(tmpdir(), "attnc-nvrtc-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Where libraries can be loaded from, and what was tried. */
function machine(there: (path: string) => boolean): { koffi: Koffi; tried: string[] } {
  const tried: string[] = [];
  const load = (path: string): object => {
    tried.push(path);
    if (there(path)) return {};
    throw new Error(`Failed to load shared library: ${path} is missing`);
  };
  return { koffi: { load } as unknown as Koffi, tried };
}

test("a driver that the variable names and that is not there is an error, also where there is another", async () => {
  await withEnvironment({ ATTNC_CUDA_DRIVER: "/nowhere/libcuda.so.1" }, async () => {
    await expect(openCudaDevice()).rejects.toThrow(
      /^ATTN5301: device: expected the CUDA driver that ATTNC_CUDA_DRIVER names, found \/nowhere\/libcuda\.so\.1: .*\. Let the variable name the driver's library, or unset it\. Building, pictures, cost and the other devices work without it\.$/,
    );
  });
});

test.runIf(process.platform === "linux")("a library that is no driver is an error that names what it lacks", async () => {
  await withEnvironment({ ATTNC_CUDA_DRIVER: "libc.so.6" }, async () => {
    await expect(openCudaDevice()).rejects.toThrow(
      /^ATTN5301: device: expected a CUDA driver with cuInit \(.*\), found libc\.so\.6, which has none\. Update NVIDIA's driver\.$/,
    );
  });
});

test("without the package that calls native code, the error says so", async () => {
  vi.resetModules();
  vi.doMock("koffi", () => {
    throw new Error("Cannot find package 'koffi'");
  });
  const { loadKoffi } = await import("../../../runtime/device/cuda-libraries.js");
  await expect(loadKoffi()).rejects.toThrow(
    /^ATTN5301: device: expected the npm package `koffi`, through which the CUDA driver is called, found .*\. Install it with `npm install koffi`: it is an optional dependency\./,
  );
  vi.doUnmock("koffi");
});

test.runIf(process.platform === "linux")("NVRTC is looked for in toolkits, then in the system's folders, the newest first", async () => {
  mkdirSync(join(folder, "lib64"));
  for (const name of ["libnvrtc.so.12", "libnvrtc.so.13", "libnvrtc.so.13.0.48", "libnvrtc-builtins.so.13.0"]) {
    writeFileSync(join(folder, "lib64", name), "");
  }
  const variables = { ATTNC_NVRTC: undefined, CUDA_HOME: folder, CUDA_PATH: undefined, VIRTUAL_ENV: undefined, CONDA_PREFIX: undefined };
  await withEnvironment(variables, () => {
    const all = machine(() => false);
    expect(loadNvrtc(all.koffi)).toBe(
      `${join(folder, "lib64", "libnvrtc.so.13.0.48")}: ${join(folder, "lib64", "libnvrtc.so.13.0.48")} is missing`,
    );
    const own = all.tried.filter((path) => path.startsWith(folder));
    expect(own.map((path) => path.slice(folder.length + 7))).toEqual(["libnvrtc.so.13.0.48", "libnvrtc.so.13", "libnvrtc.so.12"]);
    expect(all.tried.slice(-4)).toEqual(["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"]);
    const system = machine((path) => path === "libnvrtc.so.12");
    expect(loadNvrtc(system.koffi)).toMatchObject({ path: "libnvrtc.so.12" });
  });
});

test("the variable for NVRTC is the only place that is looked at", async () => {
  await withEnvironment({ ATTNC_NVRTC: "/own/libnvrtc.so" }, () => {
    const { koffi, tried } = machine(() => false);
    expect(loadNvrtc(koffi)).toBe("/own/libnvrtc.so: /own/libnvrtc.so is missing");
    expect(tried).toEqual(["/own/libnvrtc.so"]);
  });
});
