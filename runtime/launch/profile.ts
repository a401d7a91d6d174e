/** The kinds of device that schedules are made for. */
export type DeviceProfile = "software" | "gpu";

const SOFTWARE_NAMES = /swiftshader|llvmpipe|lavapipe|softpipe|\bwarp\b|basic render|software/i;

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
  return SOFTWARE_NAMES.test(names) || info.isFallbackAdapter === true ? "software" : "gpu";
}
