import type { Bounds, BoundsContext } from "../bounds.js";
import { boundsOf } from "../bounds.js";
import type { BoolExpr, CompareOp, IntExpr } from "../ir.js";
import * as m from "../make.js";
import { keyOf } from "../walk.js";
import { arePlaces } from "./placed.js";

/** `constant + factor * expr + …` */
interface Sum {
  readonly terms: readonly Term[];
  readonly constant: number;
}

interface Term {
  readonly expr: IntExpr;
  readonly factor: number;
}

/**
 * Writes positions of a grid as sums of their coordinates, and works out what quotients and remainders make
 * of such a sum: of `(y * 80 + x) / 80` remains `y`, of `(y * 80 + x) % 16` remains `x % 16`. So a mask that was
 * written with coordinates has them again, whatever arithmetic it has become. Coordinates stand as parameters
 * whose bounds the context knows. Every operation is taken to stay within 32 bits.
 */
export class Digits {
  constructor(
    /** What a position is made of; undefined for a variable that stays. */
    private readonly positions: { readonly q?: IntExpr | undefined; readonly k?: IntExpr | undefined },
    private readonly bounds: BoundsContext,
  ) {}

  bool(e: BoolExpr): BoolExpr {
    switch (e.kind) {
      case "bool":
        return e;
      case "compare":
        return this.compare(e.op, this.sum(e.a), this.sum(e.b));
      case "and":
      case "or":
        return { kind: e.kind, items: e.items.map((item) => this.bool(item)) };
      case "not":
        return m.not(this.bool(e.a));
      case "choose":
        return m.choose(this.bool(e.cond), this.bool(e.a), this.bool(e.b));
      case "pow2":
        return m.pow2(this.int(e.a));
      case "bit":
        return m.bit(e.input, this.int(e.row), this.int(e.col));
    }
  }

  int(e: IntExpr): IntExpr {
    return asExpr(this.sum(e));
  }

  private compare(op: CompareOp, a: Sum, b: Sum): BoolExpr {
    const { low, high } = this.boundsOf(plus(a, times(b, -1)));
    switch (op) {
      case "lt":
        if (high < 0) return m.bool(true);
        if (low >= 0) return m.bool(false);
        break;
      case "le":
        if (high <= 0) return m.bool(true);
        if (low > 0) return m.bool(false);
        break;
      default:
        if (high < 0 || low > 0) return m.bool(op === "ne");
    }
    return m.compare(op, asExpr(a), asExpr(b));
  }

  private sum(e: IntExpr): Sum {
    switch (e.kind) {
      case "int":
        return { terms: [], constant: e.value };
      case "var": {
        const position = e.name === "q" || e.name === "k" ? this.positions[e.name] : undefined;
        return position === undefined ? single(e) : this.sum(position);
      }
      case "param":
      case "scalar":
        return single(e);
      case "neg":
        return times(this.sum(e.a), -1);
      case "add":
        return plus(this.sum(e.a), this.sum(e.b));
      case "sub":
        return plus(this.sum(e.a), times(this.sum(e.b), -1));
      case "mul": {
        const [a, b] = [this.sum(e.a), this.sum(e.b)];
        if (b.terms.length === 0) return times(a, b.constant);
        if (a.terms.length === 0) return times(b, a.constant);
        return single(m.mul(asExpr(a), asExpr(b)));
      }
      case "div":
      case "mod": {
        const [a, b] = [this.sum(e.a), this.sum(e.b)];
        if (b.terms.length > 0 || b.constant < 1) return single(m.binary(e.kind, asExpr(a), asExpr(b)));
        return e.kind === "div" ? this.divide(a, b.constant) : this.remainder(a, b.constant);
      }
      case "min":
      case "max":
        return single(m.binary(e.kind, this.int(e.a), this.int(e.b)));
      case "abs":
        return single(m.abs(this.int(e.a)));
      case "select":
        return single(m.select(this.bool(e.cond), this.int(e.a), this.int(e.b)));
      case "load":
        // The place of a token is the variable itself, which is one over places.
        if (arePlaces(e.input)) return single(e.index);
        return single({ ...e, index: this.int(e.index) });
    }
  }

  private divide(a: Sum, divisor: number): Sum {
    const { whole, rest } = split(a, divisor);
    const [quotients, offset] = [times(whole, 1 / divisor), this.periodOf(rest, divisor)];
    if (offset !== undefined) return plus(quotients, { terms: [], constant: offset });
    const { upper, unit } = this.upperDigits(rest, divisor);
    return plus(quotients, single(m.div(asExpr(upper), m.int(divisor / unit))));
  }

  private remainder(a: Sum, divisor: number): Sum {
    const { rest } = split(a, divisor);
    const offset = this.periodOf(rest, divisor);
    if (offset !== undefined) return { ...rest, constant: rest.constant - offset * divisor };
    const { upper, lower, unit } = this.upperDigits(rest, divisor);
    return plus(times(single(m.mod(asExpr(upper), m.int(divisor / unit))), unit), lower);
  }

  /** The quotient by the divisor, where the bounds say that there is one only. */
  private periodOf(a: Sum, divisor: number): number | undefined {
    const { low, high } = this.boundsOf(a);
    const [first, last] = [Math.floor(low / divisor), Math.floor(high / divisor)];
    return first === last ? first : undefined;
  }

  /** `upper * unit + lower` with `0 <= lower < unit`, for the greatest unit that divides the divisor; 1 if there is no other. */
  private upperDigits(a: Sum, divisor: number): { readonly upper: Sum; readonly lower: Sum; readonly unit: number } {
    const units = [...new Set(a.terms.map((term) => gcd(Math.abs(term.factor), divisor)))].sort((x, y) => y - x);
    for (const unit of units) {
      const { whole, rest } = split(a, unit);
      if (this.periodOf(rest, unit) === 0) return { upper: times(whole, 1 / unit), lower: rest, unit };
    }
    return { upper: a, lower: { terms: [], constant: 0 }, unit: 1 };
  }

  private boundsOf(a: Sum): Bounds {
    let [low, high] = [a.constant, a.constant];
    for (const { expr, factor } of a.terms) {
      const bounds = boundsOf(expr, this.bounds);
      low += factor * (factor > 0 ? bounds.low : bounds.high);
      high += factor * (factor > 0 ? bounds.high : bounds.low);
    }
    return { low, high };
  }
}

const single = (expr: IntExpr): Sum => ({ terms: [{ expr, factor: 1 }], constant: 0 });

function plus(a: Sum, b: Sum): Sum {
  const terms = new Map<string, Term>();
  for (const { expr, factor } of [...a.terms, ...b.terms]) {
    const key = keyOf(expr);
    terms.set(key, { expr, factor: (terms.get(key)?.factor ?? 0) + factor });
  }
  return { terms: [...terms.values()].filter((term) => term.factor !== 0), constant: a.constant + b.constant };
}

/** Every number of a sum times `by`, which leaves them integers. */
function times(a: Sum, by: number): Sum {
  if (by === 0) return { terms: [], constant: 0 };
  const scaled = (n: number): number => Math.round(n * by);
  return { terms: a.terms.map(({ expr, factor }) => ({ expr, factor: scaled(factor) })), constant: scaled(a.constant) };
}

/** The part of a sum whose numbers are multiples of the divisor, and the rest of it, with a constant below the divisor. */
function split(a: Sum, divisor: number): { readonly whole: Sum; readonly rest: Sum } {
  const multiple = (term: Term): boolean => term.factor % divisor === 0;
  const constant = Math.floor(a.constant / divisor) * divisor;
  return {
    whole: { terms: a.terms.filter(multiple), constant },
    rest: { terms: a.terms.filter((term) => !multiple(term)), constant: a.constant - constant },
  };
}

function asExpr(a: Sum): IntExpr {
  const scaled = (expr: IntExpr, factor: number): IntExpr => (factor === 1 ? expr : m.mul(expr, m.int(factor)));
  const added = a.terms.filter((term) => term.factor > 0);
  const taken = a.terms.filter((term) => term.factor < 0);
  let sum = added.map(({ expr, factor }) => scaled(expr, factor)).reduce<IntExpr | undefined>((x, y) => (x ? m.add(x, y) : y), undefined);
  for (const { expr, factor } of taken) sum = m.sub(sum ?? m.int(0), scaled(expr, -factor));
  if (sum === undefined) return m.int(a.constant);
  return a.constant === 0 ? sum : a.constant > 0 ? m.add(sum, m.int(a.constant)) : m.sub(sum, m.int(-a.constant));
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
