import { binaryTensor, constantTensor, logError, unary } from "./elementwise.js";
import { UNIT, type Arithmetic } from "./arithmetic.js";
import { reduce } from "./reduce.js";
import { build, joined, type At, type Tensor } from "./tensor.js";
import type { Positions } from "./units.js";

/**
 * The square root of the Jensen-Shannon divergence of two distributions over the keys, in natural logarithms:
 * half of sum a log(a / m) + sum b log(b / m) with m their mean, where 0 log 0 is 0. Each is divided by its sum first.
 * Rounding may make it a little less than 0, which is 0.
 */
export function jsDistance(a: Tensor, b: Tensor, positions: Positions, ways: readonly Arithmetic[]): Tensor {
  const term = (one: Tensor, other: Tensor): Tensor => {
    const share = (way: number, at: At): number => {
      const [x, y] = [one.get(way, at), other.get(way, at)];
      const { round } = ways[way]!;
      return x === 0 ? 0 : round(x * round(Math.log(round(x / round(round(x + y) / 2)))));
    };
    return build(joined(a.axes, b.axes), ways, share, (at) => {
      const [x, y] = [one.get(0, at), other.get(0, at)];
      if (x === 0) return one.slackAt(at);
      const m = (x + y) / 2;
      const slope = Math.abs(Math.log(x / m)) + 1;
      // A difference of two logarithms is as good as the logarithm of a quotient.
      const logs = logError(x / m, Math.log(x / m)) + logError(x, Math.log(x)) + logError(m, Math.log(m)) + 7 * UNIT;
      return slope * one.slackAt(at) + (x / m) * ((one.slackAt(at) + other.slackAt(at)) / 2) + x * logs;
    });
  };
  const sum = (t: Tensor): Tensor => reduce("sum", t, "k", positions, ways);
  const [p, q] = [a, b].map((each) => binaryTensor("/", each, sum(each), ways)) as [Tensor, Tensor];
  const twice = binaryTensor("+", sum(term(p, q)), sum(term(q, p)), ways);
  const divergence = binaryTensor("/", twice, constantTensor(2, ways), ways);
  return unary("sqrt", binaryTensor("max", divergence, constantTensor(0, ways), ways), ways);
}
