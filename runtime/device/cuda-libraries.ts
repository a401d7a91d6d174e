import { readdirSync } from "node:fs";
import { join } from "node:path";
import { AttnError } from "../launch/errors.js";

type Koffi = typeof import("koffi").default;

/** A library that was found, and by what name. */
export interface Library {
  readonly path: string;
  readonly handle: ReturnType<Koffi["load"]>;
}

const WITHOUT = "Building, pictures, cost and the other devices work without it.";

const DRIVER_NAMES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ["libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"],
  win32: ["nvcuda.dll"],
};

const NVRTC_FILES: Partial<Record<NodeJS.Platform, RegExp>> = {
  linux: /^libnvrtc\.so\.(\d+)(\.\d+)*$/,
  win32: /^nvrtc64_(\d+)_\d+\.dll$/,
};

/** Bare names, for the system's own search: the newest first. */
const NVRTC_NAMES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"],
  win32: ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll", "nvrtc64_112_0.dll"],
};

function reasonOf(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
  return text.replace(/^Failed to load shared library: /, "");
}

/** The package that calls native code. Rejects with ATTN5301. */
export async function loadKoffi(): Promise<Koffi> {
  try {
    return (await import("koffi")).default;
  } catch (cause) {
    throw new AttnError("ATTN5301", {
      field: "device",
      expected: "the npm package `koffi`, through which the CUDA driver is called",
      found: reasonOf(cause),
      remedy: `Install it with \`npm install koffi\`: it is an optional dependency. ${WITHOUT}`,
      cause,
    });
  }
}

/** Loads the first of several libraries that loads, or tells what became of each. */
function loadFirst(koffi: Koffi, paths: readonly string[]): Library | string {
  const failures: string[] = [];
  for (const path of paths) {
    try {
      return { path, handle: koffi.load(path) };
    } catch (error) {
      failures.push(`${path}: ${reasonOf(error)}`);
    }
  }
  return failures.length === 0 ? `nothing to look for on ${process.platform}` : failures[0]!;
}

/** The CUDA driver's library; `ATTNC_CUDA_DRIVER` names another. Throws ATTN5301. */
export function loadDriver(koffi: Koffi): Library {
  const own = process.env["ATTNC_CUDA_DRIVER"];
  const found = loadFirst(koffi, own ? [own] : (DRIVER_NAMES[process.platform] ?? []));
  if (typeof found !== "string") return found;
  throw new AttnError("ATTN5301", {
    field: "device",
    expected: own ? "the CUDA driver that ATTNC_CUDA_DRIVER names" : "the CUDA driver (libcuda.so.1, on Windows nvcuda.dll)",
    found,
    remedy: own
      ? `Let the variable name the driver's library, or unset it. ${WITHOUT}`
      : `Install NVIDIA's driver for Linux or Windows; ATTNC_CUDA_DRIVER names its library where it is elsewhere. ${WITHOUT}`,
  });
}

/** Folders in which toolkits and Python packages keep NVRTC. */
function nvrtcFolders(): readonly string[] {
  const roots = [process.env["CUDA_HOME"], process.env["CUDA_PATH"], ...(process.platform === "linux" ? ["/usr/local/cuda"] : [])];
  const toolkits = roots.flatMap((root) => (root ? ["lib64", "lib", "bin", "bin/x64"].map((folder) => join(root, folder)) : []));
  const python = process.env["VIRTUAL_ENV"] ?? process.env["CONDA_PREFIX"];
  const packages = python ? listed(join(python, "lib"), /^python3/).map((folder) => join(folder, "site-packages", "nvidia")) : [];
  return [...toolkits, ...packages.flatMap((folder) => [join(folder, "cu13", "lib"), join(folder, "cuda_nvrtc", "lib")])];
}

function listed(folder: string, names: RegExp): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => names.test(name))
      .sort()
      .reverse()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** NVRTC's library, or why there is none; `ATTNC_NVRTC` names another. */
export function loadNvrtc(koffi: Koffi): Library | string {
  const own = process.env["ATTNC_NVRTC"];
  if (own) return loadFirst(koffi, [own]);
  const files = NVRTC_FILES[process.platform];
  const inFolders = files === undefined ? [] : nvrtcFolders().flatMap((folder) => listed(folder, files));
  return loadFirst(koffi, [...inFolders, ...(NVRTC_NAMES[process.platform] ?? [])]);
}
