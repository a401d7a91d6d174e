import { readFileSync } from "node:fs";
import { cpus, release, type } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../compiler/cli/host.js";
import type { BenchDevice } from "./device/bench-device.js";

/** What results depend on besides the code. */
export function environmentOf(device: BenchDevice | undefined): Readonly<Record<string, string>> {
  const { version } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as { version: string };
  const processors = cpus();
  return {
    attnc: version,
    ...(device && { adapter: device.adapter, "adapter is": device.software ? "software" : "hardware", WebGPU: device.runtime }),
    ...(device?.peer !== undefined && { "onnxruntime-web": device.peer }),
    Node: process.versions.node,
    processor: `${processors[0]?.model.trim() ?? "unknown"}, ${processors.length} threads`,
    // The version without what a distribution or a host adds to it.
    system: `${type()} ${release().split(".").slice(0, 2).join(".")}`,
  };
}
