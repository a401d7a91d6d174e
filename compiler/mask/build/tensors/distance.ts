import type { Span } from "../../../source/file.js";
import type { Tensor } from "../../selection.js";
import type { TensorMaker } from "./make.js";

/**
 * The square root of the Jensen-Shannon divergence of two distributions over keys, with natural logarithms:
 * sqrt((KL(a | m) + KL(b | m)) / 2), m = (a + b) / 2. Both are divided by their sums first. A key that one of them gives
 * nothing adds nothing to its divergence.
 */
export function jensenShannonDistance(a: Tensor, b: Tensor, span: Span, make: TensorMaker): Tensor {
  const [p, q] = [a, b].map((each) => make.binary("div", each, make.reduce("sum", "columns", each), span)) as [Tensor, Tensor];
  const half = make.number(0.5);
  const middle = make.binary("mul", make.binary("add", p, q, span), half, span);
  const divergence = (of: Tensor): Tensor => {
    const ratio = make.unary("log", make.binary("div", of, middle, span));
    const positive = make.binary("lt", make.number(0), of, span);
    const term = make.choose(positive, make.binary("mul", of, ratio, span), make.number(0), span);
    return make.reduce("sum", "columns", term);
  };
  const mean = make.binary("mul", make.binary("add", divergence(p), divergence(q), span), half, span);
  // Rounding may leave a little less than nothing.
  return make.unary("sqrt", make.binary("max", mean, make.number(0), span));
}
