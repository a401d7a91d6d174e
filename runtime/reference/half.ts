import { roundedTo, roundTo } from "./formats.js";

/** The float16 nearest to a number, ties to even, as a number; too great ones become infinite. */
export const roundToHalf = (value: number): number => roundTo("f16", value);

/** A copy with every number rounded to float16: what a kernel on f16 buffers gets to see. */
export const halves = (values: Float32Array): Float32Array => roundedTo("f16", values);
