import type { BoolExpr, IntExpr } from "../mask/ir.js";
import { rangeHoldsPowerOfTwo } from "./expr.js";

/** A rectangle of positions, both ends inclusive. */
export interface Rectangle {
  readonly q0: number;
  readonly q1: number;
  readonly k0: number;
  readonly k1: number;
}

/**
 * What is left of a mask inside a rectangle: all pairs, none, or a text. Positions in the text count from the corner of the
 * rectangle, and what the rectangle decides is gone, so that two rectangles of one size with the same text hold the same pairs:
 * a window looks alike all along its diagonal, a stride everywhere. `undefined` where nothing can be said, as an input decides.
 */
export type Residual = boolean | string | undefined;

/** The mask has no leaves but integers, `q`, `k` and inputs; see `closeMask`. */
export function residual(mask: BoolExpr, at: Rectangle): Residual {
  const left = bool(mask, at);
  return typeof left === "string" && left.includes(INPUT) ? undefined : left;
}

/** Marks what depends on an input. */
const INPUT = "@";

/** `a * (q - q0) + b * (k - k0) + c + terms`, and the range of its values. */
interface Value {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly terms: readonly Term[];
  readonly lo: number;
  readonly hi: number;
}

/** `factor *` a value that is known by its text and range only. */
interface Term {
  readonly text: string;
  readonly factor: number;
  readonly lo: number;
  readonly hi: number;
}

const NONE: readonly Term[] = [];

function value(a: number, b: number, c: number, terms: readonly Term[], at: Rectangle): Value {
  const [x, y] = [a * (at.q1 - at.q0), b * (at.k1 - at.k0)];
  let lo = c + Math.min(x, 0) + Math.min(y, 0);
  let hi = c + Math.max(x, 0) + Math.max(y, 0);
  for (const { factor, lo: l, hi: h } of terms) {
    lo += factor > 0 ? factor * l : factor * h;
    hi += factor > 0 ? factor * h : factor * l;
  }
  return { a, b, c, terms, lo, hi };
}

const constant = (c: number): Value => ({ a: 0, b: 0, c, terms: NONE, lo: c, hi: c });
const opaque = (text: string, lo: number, hi: number): Value => ({ a: 0, b: 0, c: 0, terms: [{ text, factor: 1, lo, hi }], lo, hi });

function textOf(v: Value): string {
  let text = `${v.a}q${v.b}k${v.c}`;
  for (const { text: own, factor } of v.terms) text += `+${factor}(${own})`;
  return text;
}

function sum(x: Value, y: Value, factor: number, at: Rectangle): Value {
  if (y.lo === y.hi) return value(x.a, x.b, x.c + factor * y.lo, x.terms, at);
  const terms = y.terms.length === 0 ? x.terms : merge(x.terms, y.terms, factor);
  return value(x.a + factor * y.a, x.b + factor * y.b, x.c + factor * y.c, terms, at);
}

function merge(x: readonly Term[], y: readonly Term[], by: number): readonly Term[] {
  if (x.length === 0) return by === 1 ? y : y.map((term) => ({ ...term, factor: by * term.factor }));
  const all = [...x];
  for (const term of y) {
    const at = all.findIndex(({ text }) => text === term.text);
    const factor = by * term.factor + (at < 0 ? 0 : all[at]!.factor);
    if (at >= 0) all.splice(at, 1);
    if (factor !== 0) all.push({ ...term, factor });
  }
  return all.sort((s, t) => (s.text < t.text ? -1 : 1));
}

function scale(x: Value, by: number, at: Rectangle): Value {
  if (by === 0) return constant(0);
  const terms = x.terms.map((term) => ({ ...term, factor: term.factor * by }));
  return value(x.a * by, x.b * by, x.c * by, terms, at);
}

function int(e: IntExpr, at: Rectangle): Value {
  switch (e.kind) {
    case "int":
      return constant(e.value);
    case "var":
      if (e.name === "q") return value(1, 0, at.q0, NONE, at);
      if (e.name === "k") return value(0, 1, at.k0, NONE, at);
      return unknown(e);
    case "param":
    case "scalar":
      return unknown(e);
    case "neg":
      return scale(int(e.a, at), -1, at);
    case "abs": {
      const a = int(e.a, at);
      if (a.lo >= 0) return a;
      return a.hi <= 0 ? scale(a, -1, at) : opaque(`|${textOf(a)}|`, 0, Math.max(-a.lo, a.hi));
    }
    case "add":
      return sum(int(e.a, at), int(e.b, at), 1, at);
    case "sub":
      return sum(int(e.a, at), int(e.b, at), -1, at);
    case "mul":
      return product(int(e.a, at), int(e.b, at), at);
    case "div":
    case "mod":
      return division(e.kind, int(e.a, at), int(e.b, at), at);
    case "min":
    case "max":
      return extremum(e.kind, int(e.a, at), int(e.b, at), at);
    case "select": {
      const cond = bool(e.cond, at);
      if (typeof cond === "boolean") return int(cond ? e.a : e.b, at);
      const [a, b] = [int(e.a, at), int(e.b, at)];
      return opaque(`${cond}?${textOf(a)}:${textOf(b)}`, Math.min(a.lo, b.lo), Math.max(a.hi, b.hi));
    }
    case "load":
      return opaque(`${INPUT}${e.input}[${textOf(int(e.index, at))}]`, -(2 ** 31), 2 ** 31 - 1);
  }
}

/** A leaf that the call does not fix: the mask was not closed. Nothing is known, as if an input decided. */
const unknown = (e: IntExpr): Value => opaque(`${INPUT}${JSON.stringify(e)}`, -(2 ** 31), 2 ** 31 - 1);

function product(x: Value, y: Value, at: Rectangle): Value {
  if (x.lo === x.hi) return scale(y, x.lo, at);
  if (y.lo === y.hi) return scale(x, y.lo, at);
  const ends = [x.lo * y.lo, x.lo * y.hi, x.hi * y.lo, x.hi * y.hi];
  return opaque(`${textOf(x)}*${textOf(y)}`, Math.min(...ends), Math.max(...ends));
}

/** Floor division and remainder: whole multiples of the divisor come out of the quotient and leave the remainder. */
function division(kind: "div" | "mod", x: Value, divisor: Value, at: Rectangle): Value {
  if (divisor.lo !== divisor.hi) {
    const text = `${textOf(x)}${kind}${textOf(divisor)}`;
    const d = Math.max(divisor.hi, 1);
    return kind === "mod" ? opaque(text, 0, d - 1) : opaque(text, Math.min(x.lo, 0), Math.max(x.hi, 0));
  }
  const d = divisor.lo;
  const shift = Math.floor(x.c / d) * d;
  const terms = x.terms.length === 0 ? NONE : x.terms.filter((term) => term.factor % d === 0);
  const out = value(x.a % d === 0 ? x.a : 0, x.b % d === 0 ? x.b : 0, shift, terms, at);
  const rest = sum(x, out, -1, at);
  const bucket = Math.floor(rest.lo / d);
  const one = bucket === Math.floor(rest.hi / d);
  if (kind === "mod") return one ? value(rest.a, rest.b, rest.c - bucket * d, rest.terms, at) : opaque(`${textOf(rest)}%${d}`, 0, d - 1);
  const inner = one ? constant(bucket) : opaque(`${textOf(rest)}/${d}`, bucket, Math.floor(rest.hi / d));
  const quotients = terms.length === 0 ? NONE : terms.map((term) => ({ ...term, factor: term.factor / d }));
  return sum(value(out.a / d, out.b / d, out.c / d, quotients, at), inner, 1, at);
}

function extremum(kind: "min" | "max", x: Value, y: Value, at: Rectangle): Value {
  const [less, more] = kind === "min" ? [x, y] : [y, x];
  if (x.hi <= y.lo) return less;
  if (y.hi <= x.lo) return more;
  // What both are moved by stands outside.
  const by = y.c;
  const [a, b] = [value(x.a, x.b, x.c - by, x.terms, at), value(y.a, y.b, 0, y.terms, at)];
  const pick = kind === "min" ? Math.min : Math.max;
  const inner = opaque(`${kind}(${textOf(a)},${textOf(b)})`, pick(a.lo, b.lo), pick(a.hi, b.hi));
  return sum(inner, constant(by), 1, at);
}

function bool(e: BoolExpr, at: Rectangle): boolean | string {
  switch (e.kind) {
    case "bool":
      return e.value;
    case "compare":
      return comparison(e.op, sum(int(e.a, at), int(e.b, at), -1, at));
    case "and":
    case "or":
      return junction(e, at);
    case "not":
      return negation(bool(e.a, at));
    case "choose": {
      const cond = bool(e.cond, at);
      if (typeof cond === "boolean") return bool(cond ? e.a : e.b, at);
      const [a, b] = [bool(e.a, at), bool(e.b, at)];
      return a === b ? a : `(${cond}?${String(a)}:${String(b)})`;
    }
    case "pow2": {
      const a = int(e.a, at);
      if (a.lo === a.hi) return rangeHoldsPowerOfTwo(a.lo, a.lo);
      return rangeHoldsPowerOfTwo(a.lo, a.hi) ? `pow2(${textOf(a)})` : false;
    }
    case "bit":
      return `${INPUT}${e.input}[${textOf(int(e.row, at))},${textOf(int(e.col, at))}]`;
  }
}

/** `a op b` by the values of `a - b`. */
function comparison(op: "lt" | "le" | "eq" | "ne", difference: Value): boolean | string {
  const { lo, hi } = difference;
  switch (op) {
    case "lt":
      return hi < 0 ? true : lo >= 0 ? false : `${textOf(difference)}<0`;
    case "le":
      return hi <= 0 ? true : lo > 0 ? false : `${textOf(difference)}<1`;
    case "eq":
    case "ne": {
      const equal = lo > 0 || hi < 0 ? false : lo === 0 && hi === 0 ? true : `${textOf(difference)}=0`;
      return op === "eq" ? equal : negation(equal);
    }
  }
}

const negation = (a: boolean | string): boolean | string => (typeof a === "boolean" ? !a : `!(${a})`);

function junction(e: Extract<BoolExpr, { readonly items: readonly BoolExpr[] }>, at: Rectangle): boolean | string {
  const all = e.kind === "and";
  const open: string[] = [];
  for (const item of e.items) {
    const left = bool(item, at);
    if (typeof left === "boolean") {
      if (left !== all) return left;
    } else if (!open.includes(left)) open.push(left);
  }
  if (open.length === 0) return all;
  return open.length === 1 ? open[0]! : `(${open.join(all ? "&" : "|")})`;
}
