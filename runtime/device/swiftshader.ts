import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { cachedFolder, type CachedFile } from "./cache-folder.js";
import { readTar } from "./tar.js";

const LOADER = "libvulkan.so.1";
const DRIVER = "libvk_swiftshader.so";
const MANIFEST = "vk_swiftshader_icd.json";

/** The embedded Vulkan driver, unpacked. */
export interface EmbeddedDriver {
  /** The driver's manifest, for VK_DRIVER_FILES. */
  readonly manifest: string;
  /** The Vulkan loader beside it. */
  readonly loader: string;
}

/** Whether the embedded driver is built for this machine: it is for 64-bit x86 Linux with glibc. */
export function embeddedDriverFits(): boolean {
  if (process.platform !== "linux" || process.arch !== "x64") return false;
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header?.glibcVersionRuntime !== undefined;
}

/**
 * Unpacks SwiftShader (a Vulkan driver that runs on the CPU) from the package `@sparticuz/chromium`
 * into a cache folder, once for each version. Throws where the package is missing or holds something else.
 */
export async function unpackEmbeddedDriver(): Promise<EmbeddedDriver> {
  const main = createRequire(import.meta.url).resolve("@sparticuz/chromium");
  // The package exports nothing but its code, so its files are found from there: build/cjs/index.cjs.
  const root = dirname(dirname(dirname(main)));
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  const folder = await cachedFolder(`swiftshader-${version}`, async () => {
    const packed = await readFile(join(root, "bin", "swiftshader.tar.br"));
    const entries = readTar(await promisify(brotliDecompress)(packed));
    return [LOADER, DRIVER, MANIFEST].map((name): CachedFile => {
      const entry = entries.find((e) => e.name === name || e.name === `./${name}`);
      if (entry === undefined) throw new Error(`bin/swiftshader.tar.br of @sparticuz/chromium ${version} holds no ${name}`);
      return { name, data: entry.data };
    });
  });
  return { manifest: join(folder, MANIFEST), loader: join(folder, LOADER) };
}

/**
 * Loads the Vulkan loader into the process with global symbols, so that Dawn, which opens it by its
 * bare name, finds it where the system has none. Returns the library, to be kept reachable.
 */
export async function loadVulkanLoader(driver: EmbeddedDriver): Promise<unknown> {
  const koffi = await import("koffi");
  return koffi.default.load(driver.loader, { global: true });
}
