import type { Timing, TimingJob } from "../measure/contestant.js";

/** A device on which contestants are timed. */
export interface BenchDevice {
  /** For people: the adapter. */
  readonly adapter: string;
  readonly software: boolean;
  /** What runs WebGPU: `Deno 2.9.6`. */
  readonly runtime: string;
  /** The version of the peer, where it can be timed here. */
  readonly peer: string | undefined;
  time(job: TimingJob): Promise<readonly Timing[]>;
  close(): Promise<void>;
}
