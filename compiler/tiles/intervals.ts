import { boundsContext, boundsOf, maxLength } from "../mask/bounds.js";
import type { BoolExpr, IntExpr, MaskModule } from "../mask/ir.js";
import { simplifyBool } from "../mask/simplify.js";
import { children, keyOf, some } from "../mask/walk.js";
import { asCongruence } from "./congruence.js";
import * as t from "./expr.js";
import type { TileCond, TileExpr } from "./expr.js";
import { hullOf, mentions, solve } from "./solve.js";

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

/** What the analysis has to know of a module besides its mask. */
export interface Facts {
  /** Whether the values of an expression stay within 32 bits at every length that the operator accepts. */
  readonly fits: (e: IntExpr) => boolean;
  /** Positions are less than these. */
  readonly length: { readonly q: IntExpr; readonly k: IntExpr };
}

export function factsOf(module: MaskModule): Facts {
  const longest = maxLength(module);
  const N: IntExpr = { kind: "var", name: "N" };
  let inside = true;
  const context = boundsContext(module, longest, () => (inside = false));
  return {
    fits: (e) => {
      inside = true;
      boundsOf(e, context);
      return inside;
    },
    length: { q: module.space.kind === "self" ? N : { kind: "var", name: "NQ" }, k: N },
  };
}

const point = (e: TileExpr): Interval => ({ lo: e, hi: e });
const isPoint = (i: Interval): boolean => i.lo === i.hi;

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
      if (keyOf(e.a) === keyOf(e.b)) return square(interval(e.a, over));
      return product(interval(e.a, over), interval(e.b, over));
    case "div":
      return quotient(interval(e.a, over), interval(e.b, over));
    case "mod":
      return remainder(interval(e.a, over), interval(e.b, over));
    case "select": {
      const cond = knowledge(e.cond, over);
      const [a, b] = [interval(e.a, over), interval(e.b, over)];
      if (cond.may === cond.must) return { lo: t.select(cond.may, a.lo, b.lo), hi: t.select(cond.may, a.hi, b.hi) };
      // Where the condition differs within the tile, both values count.
      const pick = (x: TileExpr, y: TileExpr, either: TileExpr): TileExpr => {
        if (either === x) return t.select(cond.may, x, y);
        if (either === y) return t.select(cond.must, x, y);
        return t.select(cond.must, x, t.select(cond.may, either, y));
      };
      const [lo, hi] = [pick(a.lo, b.lo, t.min(a.lo, b.lo)), pick(a.hi, b.hi, t.max(a.hi, b.hi))];
      return { lo, hi };
    }
    case "load": {
      const index = interval(e.index, over);
      return { lo: t.idMin(e.input, index.lo, index.hi, e.byHead), hi: t.idMax(e.input, index.lo, index.hi, e.byHead) };
    }
  }
}

function square(a: Interval): Interval {
  if (isPoint(a)) return point(t.mul(a.lo, a.lo));
  const least = t.max(t.max(a.lo, t.neg(a.hi)), t.int(0));
  const most = t.max(a.hi, t.neg(a.lo));
  return { lo: t.mul(least, least), hi: t.mul(most, most) };
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

/**
 * Three-valued evaluation of a condition over a tile; see {@link Knowledge}. All pairs satisfy a
 * condition when none satisfies its complement, so one analysis answers both questions.
 * Without facts about the module the tile is taken as it is, see {@link conjunction}.
 */
export function knowledge(e: BoolExpr, over: Ranges, facts?: Facts): Knowledge {
  const scope = { whole: over, narrow: over, facts };
  return { may: may(e, scope), must: t.not(may(complement(e), scope)) };
}

const complement = (a: BoolExpr): BoolExpr => simplifyBool({ kind: "not", a });

interface Scope {
  readonly whole: Ranges;
  /** What conditions around leave of the tile: pairs outside of it do not matter, and none may be left. */
  readonly narrow: Ranges;
  readonly facts?: Facts | undefined;
}

/** True if any pair of the tile satisfies the condition. */
function may(e: BoolExpr, scope: Scope): TileCond {
  switch (e.kind) {
    case "bool":
      return t.bool(e.value);
    case "and":
      return conjunction(e.items, scope);
    case "or":
      return e.items.map((item) => may(item, scope)).reduce(t.or);
    case "choose":
      return t.or(t.and(may(e.cond, scope), may(e.a, scope)), t.and(may(complement(e.cond), scope), may(e.b, scope)));
    case "not":
      switch (e.a.kind) {
        case "pow2":
          return t.not(powerMust(interval(e.a.a, scope.narrow)));
        case "bit":
          return t.not(bitsOf("allBits", e.a, scope.whole));
        default:
          return may(complement(e.a), scope);
      }
    case "pow2": {
      const a = interval(e.a, scope.narrow);
      return t.pow2In(a.lo, a.hi);
    }
    case "bit":
      return bitsOf("anyBit", e, scope.whole);
    case "compare": {
      const over = gainsFromNarrowing(e) ? scope.narrow : scope.whole;
      if (e.op === "eq" || e.op === "ne") {
        const { a, b } = asCongruence(e, scope.facts?.fits ?? (() => false));
        return e.op === "eq" ? equalityMay(a, b, over) : t.not(equalityMust(a, b, over));
      }
      const [a, b] = [interval(e.a, over), interval(e.b, over)];
      return t.compare(e.op, a.lo, b.hi);
    }
  }
}

/** 1 and 2 are the only powers that stand side by side. */
function powerMust(a: Interval): TileCond {
  const one = t.and(t.eq(a.lo, a.hi), t.pow2In(a.lo, a.hi));
  return t.or(one, t.and(t.eq(a.lo, t.int(1)), t.eq(a.hi, t.int(2))));
}

function bitsOf(kind: "anyBit" | "allBits", e: Extract<BoolExpr, { readonly kind: "bit" }>, over: Ranges): TileCond {
  const [row, col] = [interval(e.row, over), interval(e.col, over)];
  return t.bits(kind, e.input, row.lo, row.hi, col.lo, col.hi);
}

/**
 * All of some conditions. Those that solve for `q` or `k` cut the tile down to a smaller rectangle,
 * which must not come out empty, and over which the others are asked: so a sink beside a window is
 * seen to cover a tile together, and coordinates in a grid are those of the rows in question.
 */
function conjunction(items: readonly BoolExpr[], scope: Scope): TileCond {
  const narrowed = new Rectangle(scope);
  // Each step leaves the conditions that it has not answered.
  let open = items.filter((item) => !(mentions(item, "q") && !mentions(item, "k") && narrowed.cut("q", item)));
  const both = open.filter((item) => mentions(item, "q") && mentions(item, "k"));
  open = open.filter((item) => !(mentions(item, "k") && narrowed.cut("k", item)));
  if (open.some((item) => gainsFromNarrowing(item) && mentions(item, "q"))) for (const item of both) narrowed.cut("q", item);
  const inside = { ...scope, narrow: { q: narrowed.q, k: narrowed.k } };
  return [...narrowed.nonempty(scope), ...open.map((item) => may(item, inside))].reduce(t.and, t.always);
}

/** A tile that is cut down to the pairs that some conditions leave. */
class Rectangle {
  q: Interval;
  k: Interval;

  constructor(private readonly scope: Scope) {
    ({ q: this.q, k: this.k } = scope.narrow);
  }

  /** Leaves the rows (columns) for which some pair may satisfy the condition; true if that says all of it. */
  cut(name: "q" | "k", item: BoolExpr): boolean {
    const { facts } = this.scope;
    if (!facts || item.kind !== "compare" || readsInput(item)) return false;
    // What wider bands leave out, the conditions themselves leave out too.
    const { bands, exact } = solve(item, { name, length: facts.length[name], relax: false });
    const band = hullOf(bands);
    // Ends that may leave 32 bits would cut off too much, and those that the other position does not move cut off nothing.
    const other = name === "q" ? "k" : "q";
    const useful = (end: IntExpr): boolean => facts.fits(end) && (!mentions(item, other) || dependsOn(end, other));
    const [lo, hi] = [band.lo, band.hi].map((end) => (end && useful(end) ? end : undefined));
    this[name] = clip(this[name], lo && interval(lo, this).lo, hi && interval(hi, this).hi);
    return exact && bands.length === 1 && lo === band.lo && hi === band.hi;
  }

  nonempty({ narrow }: Scope): readonly TileCond[] {
    return (["q", "k"] as const).flatMap((name) => (this[name] === narrow[name] ? [] : [t.le(this[name].lo, this[name].hi)]));
  }
}

/** Whether a value changes with the variable, not counting which of two values is selected. */
function dependsOn(e: IntExpr, name: "q" | "k"): boolean {
  if (e.kind === "select") return dependsOn(e.a, name) || dependsOn(e.b, name);
  if (e.kind === "var") return e.name === name;
  return children(e).some((child) => dependsOn(child as IntExpr, name));
}

/** The part of an interval in `[lo, end)`. */
function clip(of: Interval, lo: TileExpr | undefined, end: TileExpr | undefined): Interval {
  if (!lo && !end) return of;
  return { lo: lo ? t.max(of.lo, lo) : of.lo, hi: end ? t.min(of.hi, t.sub(end, t.int(1))) : of.hi };
}

function readsInput(e: BoolExpr): boolean {
  return some(e, (node) => node.kind === "load" || node.kind === "bit");
}

/** Whether an answer over a smaller tile may be better: not where it follows from the tile's corners. */
function gainsFromNarrowing(e: BoolExpr): boolean {
  return (
    !readsInput(e) &&
    some(
      e,
      (node) => node.kind === "mod" || node.kind === "pow2" || (node.kind === "mul" && node.a.kind !== "int" && node.b.kind !== "int"),
    )
  );
}

function equalityMust(left: IntExpr, right: IntExpr, over: Ranges): TileCond {
  const [a, b] = [interval(left, over), interval(right, over)];
  if (left.kind === "mod" && left.b.kind === "int" && left.b.value > 1 && isPoint(b)) {
    // Two neighbours have different remainders.
    const x = interval(left.a, over);
    return t.and(t.eq(x.lo, x.hi), t.eq(t.mod(x.lo, t.int(left.b.value)), b.lo));
  }
  if (isPoint(a) && isPoint(b)) return t.eq(a.lo, b.lo);
  return t.and(t.and(t.eq(a.lo, a.hi), t.eq(b.lo, b.hi)), t.eq(a.lo, b.lo));
}

function equalityMay(left: IntExpr, right: IntExpr, over: Ranges): TileCond {
  if (left.kind !== "mod" && right.kind === "mod") return equalityMay(right, left, over);
  const [a, b] = [interval(left, over), interval(right, over)];
  const overlap = t.and(t.le(a.lo, b.hi), t.le(b.lo, a.hi));
  if (left.kind !== "mod" || !isPoint(b)) return overlap;
  const [x, m] = [interval(left.a, over), interval(left.b, over)];
  if (!isPoint(m) || isPoint(x)) return overlap;
  // For one residue: some value of x has it, or none has.
  const below = t.div(t.sub(t.sub(x.lo, b.lo), t.int(1)), m.lo);
  const holds = t.lt(below, t.div(t.sub(x.hi, b.lo), m.lo));
  const isResidue = m.lo.kind === "int" && b.lo.kind === "int" && b.lo.value >= 0 && b.lo.value < m.lo.value;
  return isResidue ? holds : t.and(overlap, holds);
}
