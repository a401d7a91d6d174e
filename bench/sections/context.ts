import type { BenchDevice } from "../device/bench-device.js";
import type { BenchOptions } from "../options.js";

/** What sections get. */
export interface Context {
  readonly options: BenchOptions;
  /** The device, opened when the first section asks for it. */
  device(): Promise<BenchDevice>;
  progress(text: string): void;
}
