import type { DeviceChoice } from "../options.js";
import type { BenchDevice } from "./bench-device.js";
import { openDawn } from "./open-dawn.js";
import { openDeno } from "./open-deno.js";

/** Opens the device that was asked for; rejects with the reason where it cannot be had. */
export function openBenchDevice(choice: DeviceChoice, progress: (text: string) => void): Promise<BenchDevice> {
  switch (choice) {
    case "lavapipe":
      return openDeno("software", progress);
    case "hardware":
      return openDeno("hardware", progress);
    case "dawn":
      return openDawn("webgpu", progress);
    case "dawn-software":
      return openDawn("software", progress);
  }
}
