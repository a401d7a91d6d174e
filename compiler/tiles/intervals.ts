import type { BoolExpr, IntExpr } from "../mask/ir.js";
import * as t from "./expr.js";
import type { TileCond, TileExpr } from "./expr.js";

/** The values an expression takes over a tile lie in `[lo, hi]`. */
export interface Interval {
  readonly lo: TileExpr;
  readonly hi: TileExpr;
}

/**
 * What is known of a condition over a tile. If any pair of the tile satisfies it, `may` is true;
 * if `must` is true, every pair does. Neither `may` false nor `must` true is ever wrong.
 */
export interface Knowledge {
  readonly may: TileCond;
  readonly must: TileCond;
}

/** Which values `q` and `k` range over; the default is the tile's own. */
export interface Ranges {
  readonly q: Interval;
  readonly k: Interval;
}

export const wholeTile: Ranges = {
  q: { lo: t.variable("q0"), hi: t.variable("q1") },
  k: { lo: t.variable("k0"), hi: t.variable("k1") },
};

const point = (e: TileExpr): Interval => ({ lo: e, hi: e });
const isPoint = (i: Interval): boolean => i.lo === i.hi;
const exactly = (c: TileCond): Knowledge => ({ may: c, must: c });

/**
 * Interval arithmetic with symbolic ends. Every operator of the mask IR has a rule, and each rule is
 * sound on its own; nothing relates two occurrences of the same variable.
 */
export function interval(e: IntExpr, over: Ranges = wholeTile): Interval {
  switch (e.kind) {
    case "int":
      return point(t.int(e.value));
    case "var":
      if (e.name === "q") return over.q;
      if (e.name === "k") return over.k;
      return point(t.variable(e.name));
    case "param":
      return point(t.param(e.name));
    case "scalar":
      return point(t.scalar(e.slot));
    case "neg": {
      const a = interval(e.a, over);
      return { lo: t.neg(a.hi), hi: t.neg(a.lo) };
    }
    case "abs": {
      const a = interval(e.a, over);
      if (isPoint(a)) return point(t.max(a.lo, t.neg(a.lo)));
      return { lo: t.max(t.max(a.lo, t.neg(a.hi)), t.int(0)), hi: t.max(a.hi, t.neg(a.lo)) };
    }
    case "add": {
      const [a, b] = [interval(e.a, over), interval(e.b, over)];
      return { lo: t.add(a.lo, b.lo), hi: t.add(a.hi, b.hi) };
    }
    case "sub": {
      const [a, b] = [interval(e.a, over), interval(e.b, over)];
      return { lo: t.sub(a.lo, b.hi), hi: t.sub(a.hi, b.lo) };
    }
    case "min":
    case "max": {
      const [a, b] = [interval(e.a, over), interval(e.b, over)];
      const pick = e.kind === "min" ? t.min : t.max;
      return { lo: pick(a.lo, b.lo), hi: pick(a.hi, b.hi) };
    }
    case "mul":
      return product(interval(e.a, over), interval(e.b, over));
    case "div":
      return quotient(interval(e.a, over), interval(e.b, over));
    case "mod":
      return remainder(interval(e.a, over), interval(e.b, over));
    case "select": {
      const cond = knowledge(e.cond, over);
      const [a, b] = [interval(e.a, over), interval(e.b, over)];
      if (cond.may === cond.must) return { lo: t.select(cond.may, a.lo, b.lo), hi: t.select(cond.may, a.hi, b.hi) };
      const both = { lo: t.min(a.lo, b.lo), hi: t.max(a.hi, b.hi) };
      const lo = t.select(cond.must, a.lo, t.select(cond.may, both.lo, b.lo));
      const hi = t.select(cond.must, a.hi, t.select(cond.may, both.hi, b.hi));
      return { lo, hi };
    }
    case "load": {
      const index = interval(e.index, over);
      return { lo: t.idMin(e.input, index.lo, index.hi), hi: t.idMax(e.input, index.lo, index.hi) };
    }
  }
}

function product(a: Interval, b: Interval): Interval {
  if (isPoint(a) && isPoint(b)) return point(t.mul(a.lo, b.lo));
  if (isPoint(a)) return product(b, a);
  if (isPoint(b) && b.lo.kind === "int") {
    const [x, y] = [t.mul(a.lo, b.lo), t.mul(a.hi, b.lo)];
    return b.lo.value >= 0 ? { lo: x, hi: y } : { lo: y, hi: x };
  }
  const ends = isPoint(b)
    ? [t.mul(a.lo, b.lo), t.mul(a.hi, b.lo)]
    : [t.mul(a.lo, b.lo), t.mul(a.lo, b.hi), t.mul(a.hi, b.lo), t.mul(a.hi, b.hi)];
  return { lo: ends.reduce(t.min), hi: ends.reduce(t.max) };
}

/** Floor division by a positive divisor: monotone in the dividend; in the divisor by the dividend's sign. */
function quotient(a: Interval, b: Interval): Interval {
  if (isPoint(b)) return { lo: t.div(a.lo, b.lo), hi: t.div(a.hi, b.lo) };
  const divisor = { lo: t.max(b.lo, t.int(1)), hi: t.max(b.hi, t.int(1)) };
  return {
    lo: t.min(t.div(a.lo, divisor.lo), t.div(a.lo, divisor.hi)),
    hi: t.max(t.div(a.hi, divisor.lo), t.div(a.hi, divisor.hi)),
  };
}

/** Within one period the remainder is monotone; across a border it may take every value. */
function remainder(a: Interval, b: Interval): Interval {
  if (!isPoint(b)) return { lo: t.int(0), hi: t.max(t.sub(b.hi, t.int(1)), t.int(0)) };
  if (isPoint(a)) return point(t.mod(a.lo, b.lo));
  const onePeriod = t.eq(t.div(a.lo, b.lo), t.div(a.hi, b.lo));
  return {
    lo: t.select(onePeriod, t.mod(a.lo, b.lo), t.int(0)),
    hi: t.select(onePeriod, t.mod(a.hi, b.lo), t.sub(b.lo, t.int(1))),
  };
}

/** Three-valued evaluation of a condition over a tile; see {@link Knowledge}. */
export function knowledge(e: BoolExpr, over: Ranges = wholeTile): Knowledge {
  switch (e.kind) {
    case "bool":
      return exactly(t.bool(e.value));
    case "not": {
      const a = knowledge(e.a, over);
      return { may: t.not(a.must), must: t.not(a.may) };
    }
    case "and":
    case "or": {
      const join = e.kind === "and" ? t.and : t.or;
      const items = e.items.map((item) => knowledge(item, over));
      return { may: items.map((i) => i.may).reduce(join), must: items.map((i) => i.must).reduce(join) };
    }
    case "choose": {
      const cond = knowledge(e.cond, over);
      const [a, b] = [knowledge(e.a, over), knowledge(e.b, over)];
      return {
        may: t.or(t.and(cond.may, a.may), t.and(t.not(cond.must), b.may)),
        must: t.or(t.and(cond.must, a.must), t.and(t.not(cond.may), b.must)),
      };
    }
    case "pow2": {
      const a = interval(e.a, over);
      const may = t.pow2In(a.lo, a.hi);
      // 1 and 2 are the only powers that stand side by side.
      const oneAndTwo = t.and(t.eq(a.lo, t.int(1)), t.eq(a.hi, t.int(2)));
      return { may, must: t.or(t.and(t.eq(a.lo, a.hi), may), oneAndTwo) };
    }
    case "bit": {
      const [row, col] = [interval(e.row, over), interval(e.col, over)];
      return {
        may: t.bits("anyBit", e.input, row.lo, row.hi, col.lo, col.hi),
        must: t.bits("allBits", e.input, row.lo, row.hi, col.lo, col.hi),
      };
    }
    case "compare": {
      const [a, b] = [interval(e.a, over), interval(e.b, over)];
      switch (e.op) {
        case "lt":
          return { may: t.lt(a.lo, b.hi), must: t.lt(a.hi, b.lo) };
        case "le":
          return { may: t.le(a.lo, b.hi), must: t.le(a.hi, b.lo) };
        case "eq":
          return equality(e.a, e.b, over);
        case "ne": {
          const same = equality(e.a, e.b, over);
          return { may: t.not(same.must), must: t.not(same.may) };
        }
      }
    }
  }
}

function equality(left: IntExpr, right: IntExpr, over: Ranges): Knowledge {
  const [a, b] = [interval(left, over), interval(right, over)];
  const must = t.and(t.and(t.eq(a.lo, a.hi), t.eq(b.lo, b.hi)), t.eq(a.lo, b.lo));
  let may = t.and(t.le(a.lo, b.hi), t.le(b.lo, a.hi));
  may = t.and(may, residueMay(left, b, over));
  may = t.and(may, residueMay(right, a, over));
  return { may, must: isPoint(a) && isPoint(b) ? t.eq(a.lo, b.lo) : must };
}

/** `x % m == r` for one r: some value of x's interval has that residue, or none has. */
function residueMay(e: IntExpr, residue: Interval, over: Ranges): TileCond {
  if (e.kind !== "mod" || !isPoint(residue)) return t.always;
  const [x, m] = [interval(e.a, over), interval(e.b, over)];
  if (!isPoint(m) || isPoint(x)) return t.always;
  const below = t.div(t.sub(t.sub(x.lo, residue.lo), t.int(1)), m.lo);
  return t.lt(below, t.div(t.sub(x.hi, residue.lo), m.lo));
}
