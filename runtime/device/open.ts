import { tmpdir } from "node:os";
import { AttnError } from "../launch/errors.js";
import { isSoftware, profileOf, type DeviceProfile } from "../launch/profile.js";
import { embeddedDriverFits, loadVulkanLoader, unpackEmbeddedDriver } from "./swiftshader.js";

/**
 * - `auto`: a hardware adapter, else the software one.
 * - `webgpu`: a hardware adapter.
 * - `software`: the embedded SwiftShader; elsewhere the system's own software adapter.
 */
export type DeviceName = "auto" | "webgpu" | "software";

export const DEVICE_NAMES: readonly DeviceName[] = ["auto", "webgpu", "software"];

/** A WebGPU device and what is known of its adapter. */
export interface OpenedDevice {
  readonly device: GPUDevice;
  readonly adapter: GPUAdapter;
  /** For people: `SwiftShader (software)`. */
  readonly description: string;
  readonly profile: DeviceProfile;
}

type WebgpuPackage = typeof import("webgpu");

/** Dawn crashes the process when its objects are collected while it still uses them. */
const KEPT: unknown[] = ((globalThis as Record<symbol, unknown>)[Symbol.for("attnc.webgpu.kept")] ??= []) as unknown[];

/** Features that kernels and measurements make use of where they are offered. */
const WANTED_FEATURES: readonly GPUFeatureName[] = ["shader-f16", "subgroups", "timestamp-query"];

/** Limits that kernels and their tensors may need raised over WebGPU's defaults. */
const RAISED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
] as const satisfies readonly (keyof GPUSupportedLimits)[];

const INTERPRETER = "`--device interpreter` works everywhere, slowly.";

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}

async function loadWebgpu(): Promise<WebgpuPackage> {
  let loaded: WebgpuPackage;
  try {
    loaded = await import("webgpu");
  } catch (cause) {
    throw new AttnError("ATTN5001", {
      field: "device",
      expected: "the npm package `webgpu` (Dawn for Node) to load",
      found: `${process.platform}-${process.arch}: ${reasonOf(cause)}`,
      remedy: `Install it with \`npm install webgpu\`; it is built for Linux (glibc), macOS and Windows on x64 and arm64. ${INTERPRETER}`,
      cause,
    });
  }
  // Code written for browsers expects GPUBufferUsage and its like as globals.
  for (const [name, value] of Object.entries(loaded.globals)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  return loaded;
}

/** Runs `action` with variables of the environment set, for native code that reads them, and puts them back. */
async function withEnvironment<T>(variables: Record<string, string>, action: () => Promise<T>): Promise<T> {
  const before = Object.entries(variables).map(([name]) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    return await action();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/** Mesa's drivers complain on stderr when this variable is not set, though compute never needs it. */
function quietMesa(): Record<string, string> {
  return process.env["XDG_RUNTIME_DIR"] === undefined ? { XDG_RUNTIME_DIR: tmpdir() } : {};
}

/** Where adapters come from. */
interface AdapterSource {
  /** Whether it is Dawn, whose driver can be chosen: the environment's own WebGPU has the drivers of the system. */
  readonly isDawn: boolean;
  request(options: GPURequestAdapterOptions): Promise<GPUAdapter | null>;
}

/** WebGPU as the environment brings it, which Deno does, or Dawn for Node. */
async function adapterSource(): Promise<AdapterSource> {
  const own = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (own !== undefined) return { isDawn: false, request: (options) => own.requestAdapter(options) };
  const webgpu = await loadWebgpu();
  return {
    isDawn: true,
    async request(options) {
      // Timestamps are rounded to 0.1 ms otherwise: too coarse to measure a kernel.
      const gpu = webgpu.create(["disable-dawn-features=timestamp_quantization"]);
      KEPT.push(gpu);
      const adapter = await gpu.requestAdapter(options);
      if (adapter !== null) KEPT.push(adapter);
      return adapter;
    },
  };
}

function describe(info: GPUAdapterInfo): string {
  if (isSoftware(info)) {
    const names = `${info.architecture} ${info.description}`;
    const known = /swiftshader/i.test(names) ? "SwiftShader" : /llvmpipe/i.test(names) ? "llvmpipe" : info.description || info.device;
    return `${known} (software)`;
  }
  const name = info.device || info.description || "unnamed adapter";
  const family = [info.vendor, info.architecture].filter((part) => part !== "").join(" ");
  return family === "" ? name : `${name} (${family})`;
}

async function toDevice(adapter: GPUAdapter): Promise<OpenedDevice> {
  const requiredLimits: Record<string, number> = {};
  for (const name of RAISED_LIMITS) requiredLimits[name] = adapter.limits[name];
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      label: "attnc",
      requiredFeatures: WANTED_FEATURES.filter((feature) => adapter.features.has(feature)),
      requiredLimits,
    });
  } catch (cause) {
    throw new AttnError("ATTN5005", {
      field: "device",
      expected: `a device from the adapter ${describe(adapter.info)}`,
      found: reasonOf(cause),
      remedy: `Close other programs that use the GPU, or update its driver. \`--device software\` does without the GPU; ${INTERPRETER}`,
      cause,
    });
  }
  KEPT.push(device);
  return { device, adapter, description: describe(adapter.info), profile: profileOf(adapter.info) };
}

/** A hardware adapter, or what was found instead. */
async function hardwareAdapter({ request }: AdapterSource): Promise<GPUAdapter | string> {
  const adapter = await withEnvironment(quietMesa(), () => request({ powerPreference: "high-performance" }));
  if (adapter === null) return "no adapter";
  return !isSoftware(adapter.info) ? adapter : `only ${describe(adapter.info)}`;
}

const HARDWARE_REMEDY: Partial<Record<NodeJS.Platform, string>> = {
  linux: "Install the GPU's Vulkan driver and the Vulkan loader (Debian: libvulkan1 and mesa-vulkan-drivers, or NVIDIA's driver).",
  darwin: "A Mac needs Metal: macOS 11 or later, not in a virtual machine without a GPU.",
  win32: "Install the GPU's driver: Direct3D 12 or Vulkan is needed.",
};

const SOFTWARE_REMEDY: Partial<Record<NodeJS.Platform, string>> = {
  linux: "Install a software Vulkan driver (SwiftShader, or a recent Mesa with lavapipe) and the Vulkan loader.",
  darwin: "There is no software adapter for macOS: use `--device webgpu`, which runs on Metal.",
  win32: "Windows brings one (WARP) with Direct3D 12: update Windows, or use `--device webgpu`.",
};

/** The embedded adapter; where it is not built for the machine, a software adapter of the system. */
async function softwareAdapter({ isDawn, request }: AdapterSource): Promise<GPUAdapter> {
  if (!isDawn || !embeddedDriverFits()) return systemSoftwareAdapter(request);
  let reason = "the driver loads but offers no adapter";
  try {
    const driver = await unpackEmbeddedDriver();
    try {
      KEPT.push(await loadVulkanLoader(driver));
    } catch (error) {
      // Not fatal: the system may have a loader of its own.
      reason = `its loader cannot be loaded: ${reasonOf(error)}`;
    }
    // The loader lets the newer of the two variables win, so that a caller's own is overridden only by both.
    const only = { VK_ICD_FILENAMES: driver.manifest, VK_DRIVER_FILES: driver.manifest };
    const adapter = await withEnvironment(only, () => request({}));
    if (adapter !== null) return adapter;
  } catch (error) {
    reason = reasonOf(error);
  }
  throw new AttnError("ATTN5003", {
    field: "device",
    expected: "the embedded software adapter (SwiftShader, from the npm packages `@sparticuz/chromium` and `koffi`)",
    found: reason,
    remedy: `Install both packages: they are optional dependencies, left out by \`npm ci --omit=optional\`. ${INTERPRETER}`,
  });
}

async function systemSoftwareAdapter(request: AdapterSource["request"]): Promise<GPUAdapter> {
  const adapter = await withEnvironment(quietMesa(), () => request({ forceFallbackAdapter: true }));
  if (adapter !== null && isSoftware(adapter.info)) return adapter;
  throw new AttnError("ATTN5003", {
    field: "device",
    expected: "a software adapter",
    found: `none on ${process.platform}-${process.arch}: the embedded one is for Node on Linux on x64 with glibc`,
    remedy: `${SOFTWARE_REMEDY[process.platform] ?? "Use `--device webgpu` where there is a GPU."} ${INTERPRETER}`,
  });
}

async function open(name: DeviceName): Promise<OpenedDevice> {
  if (!DEVICE_NAMES.includes(name)) {
    throw new AttnError("ATTN5004", {
      field: "device",
      expected: `one of ${DEVICE_NAMES.join(", ")}`,
      found: `\`${String(name)}\``,
      remedy: "Use one of these names.",
    });
  }
  const source = await adapterSource();
  if (name === "software") return toDevice(await softwareAdapter(source));
  const hardware = await hardwareAdapter(source);
  if (typeof hardware !== "string") return toDevice(hardware);
  if (name === "auto") return toDevice(await softwareAdapter(source));
  throw new AttnError("ATTN5002", {
    field: "device",
    expected: "a hardware WebGPU adapter",
    found: hardware,
    remedy: `${HARDWARE_REMEDY[process.platform] ?? "Install the GPU's driver."} \`--device software\` or \`--device auto\` does without; ${INTERPRETER}`,
  });
}

let last: Promise<unknown> = Promise.resolve();

/**
 * Opens a WebGPU device in Node or Deno, with the features shader-f16, subgroups and timestamp-query where
 * they are offered and with the adapter's own limits. Never falls back from a device asked for by
 * name. Throws an {@link AttnError} (ATTN50xx) that says what was found and what to install.
 *
 * Dawn keeps threads alive: a process that opened a device must end with `process.exit(code)`.
 * The globals that browsers have (`GPUBufferUsage`, …) are defined where they are missing.
 */
export function openDevice(name: DeviceName): Promise<OpenedDevice> {
  // One after the other: the search for adapters sets variables of the environment.
  const opened = last.then(() => open(name));
  last = opened.catch(() => undefined);
  return opened;
}
