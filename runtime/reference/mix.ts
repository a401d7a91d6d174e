import type { Factor, Mix } from "../launch/branches/mixture.js";

/** Half the distance from 1 to the next float32. */
const unit = 2 ** -24;

/** A number with a first-order bound on what float32 makes of it. */
export interface Bounded {
  readonly value: number;
  readonly error: number;
}

/** What a row is mixed of: outputs [branch][valueDim] and lse [branch] of its branches, and its gates by name. */
export interface MixRow {
  readonly out: readonly ArrayLike<number>[];
  readonly lse: ArrayLike<number>;
  readonly gates: Readonly<Record<string, ArrayLike<number>>>;
}

export interface MixedRow {
  readonly out: readonly Bounded[];
  /** Present where the mix is one branch or a merge. */
  readonly lse?: Bounded | undefined;
}

/**
 * One row of a mix in float64, from outputs and lse that are taken as exact. With u = 2^-24 beside each number stands
 * what a kernel in float32 may make of it, to first order:
 * - sums, differences and products are rounded once, by u of the result; a quotient is wrong by 5 u (2.5 units in the
 *   last place, the accuracy that WGSL asks of it);
 * - exp(x) is wrong by (3 + 2 |x|) 2 u of itself, and by the error of x; sigmoid and tanh are computed from e = exp(-|x|)
 *   and exp(-2 |x|), of which their derivatives are at most 1 and 2;
 * - log(x) is wrong by 2^-21 where 0.5 <= x <= 2 and by 6 u of itself elsewhere.
 */
export function mixRow(mix: Mix, row: MixRow): MixedRow {
  switch (mix.kind) {
    case "branch":
      return { out: exact(row.out[mix.branch]!), lse: { value: row.lse[mix.branch]!, error: 0 } };
    case "merge":
      return mergeRow(mix, row);
    case "scale": {
      const factor = factorOf(mix.factor, row.gates);
      return { out: mixRow(mix.of, row).out.map((each) => product(factor, each)) };
    }
    default: {
      const [a, b] = [mixRow(mix.a, row).out, mixRow(mix.b, row).out];
      return { out: a.map((each, i) => sum(each, mix.kind === "add" ? b[i]! : negative(b[i]!))) };
    }
  }
}

const exact = (values: ArrayLike<number>): readonly Bounded[] => Array.from(values, (value) => ({ value, error: 0 }));
const negative = ({ value, error }: Bounded): Bounded => ({ value: -value, error });

function sum(a: Bounded, b: Bounded): Bounded {
  const value = a.value + b.value;
  return { value, error: a.error + b.error + unit * Math.abs(value) };
}

function product(a: Bounded, b: Bounded): Bounded {
  const value = a.value * b.value;
  return { value, error: Math.abs(a.value) * b.error + Math.abs(b.value) * a.error + unit * Math.abs(value) };
}

function quotient(a: Bounded, b: Bounded): Bounded {
  const value = a.value / b.value;
  return { value, error: (a.error + Math.abs(value) * b.error) / Math.abs(b.value) + 5 * unit * Math.abs(value) };
}

/** exp(x) for an x that is wrong by `error`. */
function exponential({ value: x, error }: Bounded): Bounded {
  const value = Math.exp(x);
  return { value, error: value * (error + (3 + 2 * Math.abs(x)) * 2 * unit) };
}

export function factorOf(factor: Factor, gates: MixRow["gates"]): Bounded {
  switch (factor.kind) {
    case "number":
      return { value: factor.value, error: unit * Math.abs(factor.value) };
    case "gate":
      return { value: gates[factor.input]![factor.index]!, error: 0 };
    case "neg":
      return negative(factorOf(factor.a, gates));
    case "exp":
      return exponential(factorOf(factor.a, gates));
    case "sigmoid": {
      const x = factorOf(factor.a, gates);
      const e = exponential({ value: -Math.abs(x.value), error: 0 });
      const value = x.value >= 0 ? 1 / (1 + e.value) : e.value / (1 + e.value);
      return { value, error: x.error / 4 + e.error + 6 * unit * value };
    }
    case "tanh": {
      const x = factorOf(factor.a, gates);
      const e = exponential({ value: -2 * Math.abs(x.value), error: 2 * unit * Math.abs(x.value) });
      const value = Math.tanh(x.value);
      return { value, error: x.error + 2 * e.error + 7 * unit * Math.abs(value) };
    }
    case "add":
      return sum(factorOf(factor.a, gates), factorOf(factor.b, gates));
    case "sub":
      return sum(factorOf(factor.a, gates), negative(factorOf(factor.b, gates)));
    case "mul":
      return product(factorOf(factor.a, gates), factorOf(factor.b, gates));
    case "div":
      return quotient(factorOf(factor.a, gates), factorOf(factor.b, gates));
  }
}

function mergeRow({ branches, counts }: Extract<Mix, { readonly kind: "merge" }>, { out, lse }: MixRow): MixedRow {
  const width = out[branches[0]!]!.length;
  const seen = branches.filter((branch) => lse[branch] !== -Infinity);
  const zero = { value: 0, error: 0 };
  if (seen.length === 0) return { out: Array.from({ length: width }, () => zero), lse: { value: -Infinity, error: 0 } };
  const most = Math.max(...seen.map((branch) => lse[branch]!));
  const weights = seen.map((branch) => {
    const value = lse[branch]! - most;
    const weight = exponential({ value, error: unit * Math.abs(value) });
    const count = counts?.[branches.indexOf(branch)] ?? 1;
    return count === 1 ? weight : product({ value: count, error: unit * count }, weight);
  });
  const total = weights.reduce(sum);
  const mixed = Array.from({ length: width }, (_, d) => {
    const parts = seen.map((branch, i) => product(weights[i]!, { value: out[branch]![d]!, error: 0 }));
    // Terms that cancel have been rounded all the same.
    const size = parts.reduce((all, part) => all + Math.abs(part.value), 0);
    const added = parts.reduce((a, b) => ({ value: a.value + b.value, error: a.error + b.error + unit * size }));
    return quotient(added, total);
  });
  const log = Math.log(total.value);
  const value = most + log;
  const rounding = total.value <= 2 ? 2 ** -21 : 6 * unit * log;
  return { out: mixed, lse: { value, error: total.error / total.value + rounding + unit * Math.abs(value) } };
}
