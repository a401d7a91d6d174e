/** The kinds of device that schedules are made for. `simd` are software devices that run threads as lanes of CPU vectors. */
export type DeviceProfile = "gpu" | "software" | "simd";

const SIMD_NAMES = /llvmpipe|lavapipe/i;

const SOFTWARE_NAMES = /swiftshader|softpipe|\bwarp\b|basic render|software/i;

/** Names of an adapter: what of `GPUAdapterInfo` the profile depends on. */
export interface AdapterNames {
  readonly vendor?: string | undefined;
  readonly architecture?: string | undefined;
  readonly device?: string | undefined;
  readonly description?: string | undefined;
  readonly isFallbackAdapter?: boolean | undefined;
}

/**
 * Whether an adapter runs on the CPU. By its names first: not every implementation fills in
 * `isFallbackAdapter`, and some hide the names of hardware but not of software.
 */
export function profileOf(info: AdapterNames | undefined): DeviceProfile {
  if (info === undefined) return "gpu";
  const names = [info.vendor, info.architecture, info.device, info.description].join(" ");
  if (SIMD_NAMES.test(names)) return "simd";
  return SOFTWARE_NAMES.test(names) || info.isFallbackAdapter === true ? "software" : "gpu";
}

/** Whether an adapter is no hardware. */
export const isSoftware = (info: AdapterNames | undefined): boolean => profileOf(info) !== "gpu";
