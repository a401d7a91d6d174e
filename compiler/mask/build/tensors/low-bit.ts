import type { Span } from "../../../source/file.js";
import type { Tensor } from "../../selection.js";
import type { TensorMaker } from "./make.js";

/**
 * Vectors as whole numbers of few bits, as real numbers again: with the step s = max |x| / (2^(bits - 1) - 1) of each
 * vector, round(x / s) * s. Whole numbers lie on both sides of 0 alike; a vector of zeros stays what it is.
 */
export function lowBit(x: Tensor, bits: number, span: Span, make: TensorMaker): Tensor {
  const greatest = make.reduce("max", "dim", make.unary("abs", x));
  const step = make.binary("div", greatest, make.number(2 ** (bits - 1) - 1), span);
  const whole = make.unary("round", make.binary("div", x, step, span));
  return make.choose(make.binary("lt", make.number(0), step, span), make.binary("mul", whole, step, span), x, span);
}
