import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { PeerFiles } from "./load.js";

/** The installed onnxruntime-web, or undefined. */
export function findPeer(): PeerFiles | undefined {
  const require = createRequire(import.meta.url);
  try {
    // Its manifest is not among its exports, but it lies above its entry.
    const dist = dirname(require.resolve("onnxruntime-web"));
    const { version } = JSON.parse(readFileSync(join(dist, "..", "package.json"), "utf8")) as { version: string };
    const [module, wasm] = [join(dist, "ort.webgpu.bundle.min.mjs"), join(dist, "ort-wasm-simd-threaded.asyncify.wasm")];
    return existsSync(module) && existsSync(wasm) ? { module: pathToFileURL(module).href, wasm, version } : undefined;
  } catch {
    return undefined;
  }
}
