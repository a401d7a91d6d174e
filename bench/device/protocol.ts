import type { Timing } from "../measure/contestant.js";
import type { PeerFiles } from "../peer/load.js";

/** What the process with the device is told first. */
export interface Setup {
  readonly peer: PeerFiles | undefined;
}

/** A line from it: JSON. The lines to it are jobs. */
export type Answer =
  | { readonly kind: "ready"; readonly adapter: string; readonly software: boolean; readonly runtime: string }
  | { readonly kind: "progress"; readonly text: string }
  | { readonly kind: "done"; readonly timings: readonly Timing[] };
