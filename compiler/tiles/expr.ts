import type { Variable } from "../mask/ir.js";

/**
 * Scalar expressions over a tile of queries `[q0, q1]` and keys `[k0, k1]` (both ends inclusive):
 * what the analysis derives from a mask, and what a kernel computes once per tile, uniformly. Where a tile is
 * gathered from a list, `place` is its first place in it and `places` how many the list has.
 * Nodes are interned: equal expressions are the same object, so a printer can share them.
 */
export type TileVariable = Exclude<Variable, "q" | "k"> | "q0" | "q1" | "k0" | "k1" | "place" | "places";

export type TileExpr =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "var"; readonly name: TileVariable }
  | { readonly kind: "param"; readonly name: string }
  | { readonly kind: "scalar"; readonly slot: number }
  | { readonly kind: "neg"; readonly a: TileExpr }
  | { readonly kind: TileBinary; readonly a: TileExpr; readonly b: TileExpr }
  | { readonly kind: "select"; readonly cond: TileCond; readonly a: TileExpr; readonly b: TileExpr }
  /**
   * Least and greatest id of an `ids` input over the groups of {@link SUMMARY_TOKENS} tokens that hold the
   * tokens `[lo, hi]`, clamped to its length: kernels read them from a summary made before they run.
   */
  | {
      readonly kind: "idMin" | "idMax";
      readonly input: string;
      readonly lo: TileExpr;
      readonly hi: TileExpr;
      readonly byHead?: true | undefined;
    };

export type TileBinary = "add" | "sub" | "mul" | "div" | "mod" | "min" | "max";

export type TileCond =
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "lt" | "le" | "eq" | "ne"; readonly a: TileExpr; readonly b: TileExpr }
  | { readonly kind: "and" | "or"; readonly a: TileCond; readonly b: TileCond }
  | { readonly kind: "not"; readonly a: TileCond }
  /** A power of two lies in `[lo, hi]`. */
  | { readonly kind: "pow2In"; readonly lo: TileExpr; readonly hi: TileExpr }
  /** Some (every) bit of the rectangle is set; bits outside of the matrix are not. */
  | {
      readonly kind: "anyBit" | "allBits";
      readonly input: string;
      readonly row0: TileExpr;
      readonly row1: TileExpr;
      readonly col0: TileExpr;
      readonly col1: TileExpr;
    };

/** Tokens per entry of the summary of an `ids` input. */
export const SUMMARY_TOKENS = 32;

const nodes = new Map<string, TileExpr | TileCond>();
const ids = new WeakMap<object, number>();
let nextId = 0;

function idOf(node: object): number {
  let id = ids.get(node);
  if (id === undefined) ids.set(node, (id = nextId++));
  return id;
}

function intern<T extends TileExpr | TileCond>(node: T): T {
  let key = "";
  for (const value of Object.values(node)) key += typeof value === "object" ? `#${idOf(value as object)},` : `${String(value)},`;
  const known = nodes.get(key);
  if (known) return known as T;
  idOf(node);
  nodes.set(key, node);
  return node;
}

export const int = (value: number): TileExpr => intern({ kind: "int", value });
export const variable = (name: TileVariable): TileExpr => intern({ kind: "var", name });
export const param = (name: string): TileExpr => intern({ kind: "param", name });
export const scalar = (slot: number): TileExpr => intern({ kind: "scalar", slot });
export const bool = (value: boolean): TileCond => intern({ kind: "bool", value });
export const always = bool(true);
export const never = bool(false);

const floorDiv = (a: number, b: number): number => Math.floor(a / b);
const floorMod = (a: number, b: number): number => a - b * Math.floor(a / b);

export function fold(op: TileBinary, a: number, b: number): number {
  switch (op) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b;
    case "div":
      return floorDiv(a, b);
    case "mod":
      return floorMod(a, b);
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
  }
}

/** `base + constant`, the form in which sums are kept so that constants meet and fold. */
function split(e: TileExpr): { base: TileExpr | undefined; constant: number } {
  if (e.kind === "int") return { base: undefined, constant: e.value };
  if (e.kind === "add" && e.b.kind === "int") return { base: e.a, constant: e.b.value };
  return { base: e, constant: 0 };
}

function plusConstant(base: TileExpr | undefined, constant: number): TileExpr {
  if (!base) return int(constant);
  return constant === 0 ? base : intern({ kind: "add", a: base, b: int(constant) });
}

export function add(a: TileExpr, b: TileExpr): TileExpr {
  const x = split(a);
  const y = split(b);
  if (!x.base || !y.base) return plusConstant(x.base ?? y.base, x.constant + y.constant);
  return plusConstant(intern({ kind: "add", a: x.base, b: y.base }), x.constant + y.constant);
}

export function neg(a: TileExpr): TileExpr {
  if (a.kind === "int") return int(a.value === 0 ? 0 : -a.value);
  if (a.kind === "neg") return a.a;
  if (a.kind === "sub") return sub(a.b, a.a);
  return intern({ kind: "neg", a });
}

export function sub(a: TileExpr, b: TileExpr): TileExpr {
  const x = split(a);
  const y = split(b);
  if (x.base === y.base) return int(x.constant - y.constant);
  if (!y.base) return plusConstant(x.base, x.constant - y.constant);
  if (!x.base) {
    const rest = neg(y.base);
    return plusConstant(rest, x.constant - y.constant);
  }
  if (y.base.kind === "neg") return plusConstant(add(x.base, y.base.a), x.constant - y.constant);
  return plusConstant(intern({ kind: "sub", a: x.base, b: y.base }), x.constant - y.constant);
}

export function mul(a: TileExpr, b: TileExpr): TileExpr {
  if (a.kind === "int" && b.kind !== "int") return mul(b, a);
  if (b.kind === "int") {
    if (a.kind === "int") return int(a.value * b.value);
    if (b.value === 0) return int(0);
    if (b.value === 1) return a;
    if (b.value === -1) return neg(a);
  }
  return intern({ kind: "mul", a, b });
}

export function div(a: TileExpr, b: TileExpr): TileExpr {
  if (b.kind === "int") {
    if (b.value === 1) return a;
    if (a.kind === "int") return int(floorDiv(a.value, b.value));
    if (a.kind === "mul" && a.b.kind === "int" && a.b.value % b.value === 0) return mul(a.a, int(a.b.value / b.value));
  }
  return intern({ kind: "div", a, b });
}

export function mod(a: TileExpr, b: TileExpr): TileExpr {
  if (b.kind === "int") {
    if (b.value === 1) return int(0);
    if (a.kind === "int") return int(floorMod(a.value, b.value));
  }
  return intern({ kind: "mod", a, b });
}

export function min(a: TileExpr, b: TileExpr): TileExpr {
  return extremum("min", a, b);
}

export function max(a: TileExpr, b: TileExpr): TileExpr {
  return extremum("max", a, b);
}

function extremum(kind: "min" | "max", a: TileExpr, b: TileExpr): TileExpr {
  if (a === b) return a;
  const x = split(a);
  const y = split(b);
  if (x.base === y.base) return plusConstant(x.base, fold(kind, x.constant, y.constant));
  // Constants move to the right, and two of them meet.
  if (a.kind === "int") return extremum(kind, b, a);
  if (b.kind === "int" && a.kind === kind && a.b.kind === "int") return extremum(kind, a.a, int(fold(kind, a.b.value, b.value)));
  // Variables are never negative.
  if (b.kind === "int" && b.value <= 0 && a.kind === "var") return kind === "min" ? b : a;
  return intern({ kind, a, b });
}

export function select(cond: TileCond, a: TileExpr, b: TileExpr): TileExpr {
  if (cond.kind === "bool") return cond.value ? a : b;
  if (a === b) return a;
  if (cond.kind === "not") return select(cond.a, b, a);
  return intern({ kind: "select", cond, a, b });
}

/** Of an input that may have an axis of heads `byHead` is true. */
export const idMin = (input: string, lo: TileExpr, hi: TileExpr, byHead?: true): TileExpr => idEnd("idMin", input, lo, hi, byHead);
export const idMax = (input: string, lo: TileExpr, hi: TileExpr, byHead?: true): TileExpr => idEnd("idMax", input, lo, hi, byHead);

const idEnd = (kind: "idMin" | "idMax", input: string, lo: TileExpr, hi: TileExpr, byHead: true | undefined): TileExpr =>
  intern({ kind, input, lo, hi, ...(byHead === undefined ? {} : { byHead }) });

export function compare(kind: "lt" | "le" | "eq" | "ne", a: TileExpr, b: TileExpr): TileCond {
  const x = split(a);
  const y = split(b);
  if (x.base === y.base) {
    const [p, q] = [x.constant, y.constant];
    return bool(kind === "lt" ? p < q : kind === "le" ? p <= q : kind === "eq" ? p === q : p !== q);
  }
  return intern({ kind, a, b });
}

export const lt = (a: TileExpr, b: TileExpr): TileCond => compare("lt", a, b);
export const le = (a: TileExpr, b: TileExpr): TileCond => compare("le", a, b);
export const eq = (a: TileExpr, b: TileExpr): TileCond => compare("eq", a, b);

export function and(a: TileCond, b: TileCond): TileCond {
  if (a.kind === "bool") return a.value ? b : never;
  if (b.kind === "bool") return b.value ? a : never;
  return a === b ? a : intern({ kind: "and", a, b });
}

export function or(a: TileCond, b: TileCond): TileCond {
  if (a.kind === "bool") return a.value ? always : b;
  if (b.kind === "bool") return b.value ? always : a;
  return a === b ? a : intern({ kind: "or", a, b });
}

export function not(a: TileCond): TileCond {
  switch (a.kind) {
    case "bool":
      return bool(!a.value);
    case "not":
      return a.a;
    case "lt":
      return le(a.b, a.a);
    case "le":
      return lt(a.b, a.a);
    case "eq":
      return compare("ne", a.a, a.b);
    case "ne":
      return compare("eq", a.a, a.b);
    case "and":
      return or(not(a.a), not(a.b));
    case "or":
      return and(not(a.a), not(a.b));
    default:
      return intern({ kind: "not", a });
  }
}

export function pow2In(lo: TileExpr, hi: TileExpr): TileCond {
  if (lo.kind === "int" && hi.kind === "int") return bool(rangeHoldsPowerOfTwo(lo.value, hi.value));
  return intern({ kind: "pow2In", lo, hi });
}

export function rangeHoldsPowerOfTwo(lo: number, hi: number): boolean {
  if (hi < 1 || hi < lo) return false;
  let power = 1;
  while (power < lo) power *= 2;
  return power <= hi;
}

export function bits(kind: "anyBit" | "allBits", input: string, row0: TileExpr, row1: TileExpr, col0: TileExpr, col1: TileExpr): TileCond {
  return intern({ kind, input, row0, row1, col0, col1 });
}
