import type { OracleLaunch } from "../../../compiler/oracle/oracle.js";
import type { Pairs } from "./pieces.js";
import type { Call, Sizes } from "./selected.js";

/** A library attention, and the rule of its source on the tensors of a call. */
export interface Case {
  /** `FILE.attn#NAME`, or `FILE.attn#NAME.BRANCH`. */
  readonly pattern: string;
  readonly sizes: Sizes;
  /** Whether the layer, step or phase of the launch is dense. */
  readonly dense?: boolean;
  /** The number of windows, where these are what a branch attends from. */
  readonly windows?: number;
  readonly launch?: (call: Call) => Partial<OracleLaunch>;
  readonly rule: (call: Call, launch: Partial<OracleLaunch>) => Pairs;
}
