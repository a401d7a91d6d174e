import { openDevice } from "../../runtime/device/open.js";
import { timeInTurns } from "../measure/timing.js";
import type { BenchDevice } from "./bench-device.js";

/** Dawn in this process: attnc's own kernels only, the peer runs in Deno. Rejects where there is no such adapter. */
export async function openDawn(kind: "webgpu" | "software", progress: (text: string) => void): Promise<BenchDevice> {
  const { device, profile, description } = await openDevice(kind);
  const arena = {
    device,
    profile,
    preparePeer: () => Promise.reject(new Error("onnxruntime-web is timed in Deno only: --device lavapipe or hardware")),
  };
  return {
    adapter: description,
    software: profile !== "gpu",
    runtime: `Dawn in Node ${process.versions.node}`,
    peer: undefined,
    time: (job) => timeInTurns(arena, job, progress),
    close: () => Promise.resolve(device.destroy()),
  };
}
