import type { Dims } from "../targets/wgsl/operator.js";

/** What files made from a `.attn` file start with: `masks` for `src/masks.attn`. */
export const stemOf = (source: string): string => (source.split(/[\\/]/).pop() ?? source).replace(/\.attn$/, "");

/** `d64`, or `d64x32` where values have another dim. */
export const dimsName = ({ headDim, valueDim }: Dims): string => (valueDim === headDim ? `d${headDim}` : `d${headDim}x${valueDim}`);
