import { OracleError } from "../program.js";
import { roundingOf, UNIT, type Arithmetic } from "./arithmetic.js";
import { build, distance, joined, type At, type Tensor } from "./tensor.js";

/*
 * Functions of numbers, place by place. Each knows what an error of its arguments does to its result, to first order,
 * and what its own computation may add. For functions that are not correctly rounded that is the accuracy that WGSL
 * asks of them; a unit in the last place is at most 2 UNIT of the number.
 */

/** A number that is the same at every place. */
export function constantTensor(value: number, ways: readonly Arithmetic[]): Tensor {
  return build(
    {},
    ways,
    (way) => ways[way]!.round(value),
    () => roundingOf(value),
  );
}

/** The nearest whole number; of two as near the even one. */
function nearest(x: number): number {
  const up = Math.ceil(x - 0.5);
  return Math.floor(x + 0.5) === up ? up : 2 * Math.round(x / 2);
}

interface UnaryRule {
  readonly of: (a: number) => number;
  /** Slack of the result `r`, given that of the argument. */
  readonly slack: (a: number, sa: number, r: number) => number;
}

const unaryRules: Readonly<Record<string, UnaryRule>> = {
  neg: { of: (a) => -a, slack: (_, sa) => sa },
  abs: { of: Math.abs, slack: (_, sa) => sa },
  exp: { of: Math.exp, slack: (a, sa, r) => r * (sa + expError(a)) },
  log: { of: Math.log, slack: (a, sa, r) => (sa === 0 ? 0 : sa / Math.abs(a)) + logError(a, r) },
  tanh: { of: Math.tanh, slack: (_, sa) => sa + 1e-5 },
  // Where the argument's error reaches past a half, the result is another number: as many as that lie between.
  round: { of: nearest, slack: (a, sa, r) => Math.max(nearest(a + sa) - r, r - nearest(a - sa)) },
  // By both ends: near 0 a square root is steeper than any slope says.
  sqrt: { of: Math.sqrt, slack: (a, sa, r) => Math.sqrt(a + sa) - Math.sqrt(Math.max(0, a - sa)) + 9 * UNIT * r },
};

/** exp is right to 3 + 2 |x| units in the last place. */
export const expError = (a: number): number => (a === -Infinity ? 0 : (3 + 2 * Math.abs(a)) * 2 * UNIT);
/** log is right to 2^-21 near 1, elsewhere to 3 units in the last place. */
export const logError = (a: number, r: number): number => (a >= 0.5 && a <= 2 ? 2 ** -21 : 6 * UNIT * Math.abs(r));
/** Division is right to 2.5 units in the last place; by a power of two it is exact. */
export function divideError(divisor: number, r: number): number {
  return Number.isInteger(Math.log2(Math.abs(divisor))) ? roundingOf(r) : 5 * UNIT * Math.abs(r);
}

export function unary(name: string, a: Tensor, ways: readonly Arithmetic[]): Tensor {
  const rule = unaryRules[name];
  if (rule === undefined) throw new OracleError(`no function ${name} of tensors`);
  return build(
    a.axes,
    ways,
    (way, at) => ways[way]!.round(rule.of(a.get(way, at))),
    (at, r) => rule.slack(a.get(0, at), a.slackAt(at), r),
  );
}

interface BinaryRule {
  readonly of: (a: number, b: number) => number;
  readonly slack: (a: number, b: number, sa: number, sb: number, r: number) => number;
}

const sumSlack: BinaryRule["slack"] = (_a, _b, sa, sb, r) => sa + sb + roundingOf(r);
const binaryRules: Readonly<Record<string, BinaryRule>> = {
  "+": { of: (a, b) => a + b, slack: sumSlack },
  "-": { of: (a, b) => a - b, slack: sumSlack },
  "*": {
    of: (a, b) => a * b,
    slack: (a, b, sa, sb, r) => Math.abs(a) * sb + Math.abs(b) * sa + roundingOf(r),
  },
  "/": {
    of: (a, b) => a / b,
    slack: (_, b, sa, sb, r) => (sa + Math.abs(r) * sb) / Math.abs(b) + divideError(b, r),
  },
  min: { of: Math.min, slack: (_a, _b, sa, sb) => Math.max(sa, sb) },
  max: { of: Math.max, slack: (_a, _b, sa, sb) => Math.max(sa, sb) },
};

export function binaryTensor(op: string, a: Tensor, b: Tensor, ways: readonly Arithmetic[]): Tensor {
  const rule = binaryRules[op];
  if (rule === undefined) throw new OracleError(`no operator ${op} of tensors`);
  return build(
    joined(a.axes, b.axes),
    ways,
    (way, at) => ways[way]!.round(rule.of(a.get(way, at), b.get(way, at))),
    (at, r) => rule.slack(a.get(0, at), b.get(0, at), a.slackAt(at), b.slackAt(at), r),
  );
}

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
};

export const isComparison = (op: string): boolean => comparisons[op] !== undefined;

/** 1 and 0. The slack is 1 where rounding may turn the answer. */
export function compareTensors(op: string, a: Tensor, b: Tensor, ways: readonly Arithmetic[]): Tensor {
  const holds = comparisons[op]!;
  return build(
    joined(a.axes, b.axes),
    ways,
    (way, at) => (holds(a.get(way, at), b.get(way, at)) ? 1 : 0),
    (at) => {
      const band = a.bandAt(at) + b.bandAt(at);
      return band > 0 && distance(a.get(0, at), b.get(0, at)) <= band ? 1 : 0;
    },
  );
}

/** What is not chosen has no effect, be it NaN. */
export function chooseTensor(condition: Tensor, a: Tensor, b: Tensor, ways: readonly Arithmetic[]): Tensor {
  const holds = (way: number, at: At): boolean => condition.get(way, at) !== 0;
  return build(
    joined(condition.axes, a.axes, b.axes),
    ways,
    (way, at) => (holds(way, at) ? a : b).get(way, at),
    (at) => {
      const own = (holds(0, at) ? a : b).slackAt(at);
      if (condition.slackAt(at) === 0) return own;
      return Math.max(a.slackAt(at), b.slackAt(at)) + distance(a.get(0, at), b.get(0, at));
    },
  );
}

/** Both of two truths. One that surely fails decides. */
export function andTensors(a: Tensor, b: Tensor, ways: readonly Arithmetic[]): Tensor {
  return build(
    joined(a.axes, b.axes),
    ways,
    (way, at) => Math.min(a.get(way, at), b.get(way, at)),
    (at) => ([a, b].some((each) => each.get(0, at) === 0 && each.slackAt(at) === 0) ? 0 : Math.max(a.slackAt(at), b.slackAt(at))),
  );
}

export function notTensor(a: Tensor, ways: readonly Arithmetic[]): Tensor {
  return build(
    a.axes,
    ways,
    (way, at) => 1 - a.get(way, at),
    (at) => a.slackAt(at),
  );
}

export function orTensors(a: Tensor, b: Tensor, ways: readonly Arithmetic[]): Tensor {
  return notTensor(andTensors(notTensor(a, ways), notTensor(b, ways), ways), ways);
}
