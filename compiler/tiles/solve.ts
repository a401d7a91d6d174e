import type { BoolExpr, CompareOp, IntExpr } from "../mask/ir.js";
import { some } from "../mask/walk.js";
import { constantBounds } from "./constant-bounds.js";

/**
 * The values `lo <= x < hi` of one variable x, the other one being given; an end that is left out is
 * the border of the sequence. The ends do not mention x.
 */
export interface Band {
  readonly lo?: IntExpr | undefined;
  readonly hi?: IntExpr | undefined;
}

/** What is solved for, and the expression of its length: positions lie in `[0, length)`. */
export interface Unknown {
  readonly name: "q" | "k";
  readonly length: IntExpr;
  /** Whether a part of a sum may be replaced by its bounds, so that the band is wider. */
  readonly relax: boolean;
  /** Whether any condition without the unknown may decide about a whole row; else comparisons only. */
  readonly anyRow?: boolean | undefined;
}

export interface Solution {
  /** Their union holds every value for which the condition is true. */
  readonly bands: readonly Band[];
  /** The union holds no other value. */
  readonly exact: boolean;
}

/** More bands than this are merged: each costs the kernel a comparison per tile. */
const MOST_BANDS = 4;

const everything: Band = {};

/** Solves a condition for one variable; what does not solve leaves its part of the range open. */
export function solve(e: BoolExpr, unknown: Unknown): Solution {
  const solver = new Solver(unknown);
  const bands = solver.bands(e, true);
  return { bands, exact: solver.exact };
}

/** One band around them all. */
export function hullOf(bands: readonly Band[]): Band {
  return bands.reduce((x, y) => ({
    lo: x.lo && y.lo ? binary("min", x.lo, y.lo) : undefined,
    hi: x.hi && y.hi ? binary("max", x.hi, y.hi) : undefined,
  }));
}

class Solver {
  exact = true;

  constructor(private readonly unknown: Unknown) {}

  /** No better is known: every value may do. */
  private open(): readonly Band[] {
    this.exact = false;
    return [everything];
  }

  /** Bands whose union holds every value for which `e` is `truth`. */
  bands(e: BoolExpr, truth: boolean): readonly Band[] {
    if (this.unknown.anyRow === true && e.kind !== "bool" && !mentions(e, this.unknown.name)) {
      return this.chooseBands(truth ? e : { kind: "not", a: e }, [everything], []);
    }
    switch (e.kind) {
      case "bool":
        return e.value === truth ? [everything] : [];
      case "not":
        return this.bands(e.a, !truth);
      case "and":
      case "or": {
        const parts = e.items.map((item) => this.bands(item, truth));
        return (e.kind === "and") === truth ? parts.reduce((x, y) => this.intersect(x, y)) : parts.reduce((x, y) => this.unite(x, y));
      }
      case "choose": {
        if (mentions(e.cond, this.unknown.name)) {
          this.exact = false;
          return this.unite(this.bands(e.a, truth), this.bands(e.b, truth));
        }
        return this.chooseBands(e.cond, this.bands(e.a, truth), this.bands(e.b, truth));
      }
      case "compare":
        return this.solveCompare(e.op, e.a, e.b, truth);
      case "pow2":
        // Of the powers of two only the sign is used.
        this.exact = false;
        return truth ? this.solveCompare("le", constant(1), e.a, true) : [everything];
      case "bit":
        return this.open();
    }
  }

  private solveCompare(op: CompareOp, a: IntExpr, b: IntExpr, truth: boolean): readonly Band[] {
    const relation = relationOf(op, truth);
    if (!relation) return this.open();
    const [inA, inB] = [mentions(a, this.unknown.name), mentions(b, this.unknown.name)];
    if (inA && inB) return this.open();
    if (inA) return this.isolate(a, relation, b);
    if (inB) return this.isolate(b, flipped[relation], a);
    // Without the unknown the condition holds for the whole row or for none of it.
    const cond: BoolExpr = truth ? { kind: "compare", op, a, b } : { kind: "not", a: { kind: "compare", op, a, b } };
    return this.chooseBands(cond, [everything], []);
  }

  /** Solves `e relation other` for the only occurrence of the unknown in `e`. */
  private isolate(e: IntExpr, relation: Relation, other: IntExpr): readonly Band[] {
    if (relation === "==" && e.kind !== "var" && e.kind !== "div") {
      // Both sides of an equation are bounds; this also serves forms with no exact inverse.
      return this.intersect(this.isolate(e, "<=", other), this.isolate(e, ">=", other));
    }
    switch (e.kind) {
      case "var":
        return [bandOf(relation, other)];
      case "neg":
        return this.isolate(e.a, flipped[relation], negate(other));
      case "add": {
        const [inner, outer] = mentions(e.a, this.unknown.name) ? [e.a, e.b] : [e.b, e.a];
        if (mentions(outer, this.unknown.name)) return this.isolateSum(e.a, e.b, relation, other);
        return this.isolate(inner, relation, binary("sub", other, outer));
      }
      case "sub":
        if (mentions(e.a, this.unknown.name) && mentions(e.b, this.unknown.name)) {
          return this.isolateSum(e.a, negate(e.b), relation, other);
        }
        return mentions(e.a, this.unknown.name)
          ? this.isolate(e.a, relation, binary("add", other, e.b))
          : this.isolate(e.b, flipped[relation], binary("sub", e.a, other));
      case "div": {
        const size = e.b;
        if (mentions(size, this.unknown.name) || (size.kind === "int" && size.value <= 0)) return this.open();
        // Blocks before the first and after the last position say no more than those do, and their products may overflow.
        const block = e.a.kind === "var" && size.kind === "int" ? this.heldWithin(other, size.value) : other;
        const first = binary("mul", block, size);
        const next = size.kind === "int" ? binary("mul", binary("add", block, constant(1)), size) : binary("add", first, size);
        switch (relation) {
          case "<":
            return this.isolate(e.a, "<", first);
          case "<=":
            return this.isolate(e.a, "<", next);
          case ">":
            return this.isolate(e.a, ">=", next);
          case ">=":
            return this.isolate(e.a, ">=", first);
          case "==":
            return this.intersect(this.isolate(e.a, ">=", first), this.isolate(e.a, "<", next));
        }
      }
      // falls through: never, every relation returns
      case "mul": {
        const [inner, factor] = e.b.kind === "int" ? [e.a, e.b.value] : e.a.kind === "int" ? [e.b, e.a.value] : [undefined, 0];
        if (!inner || factor === 0) return this.open();
        if (factor < 0) return this.isolate(binary("mul", inner, constant(-factor)), flipped[relation], negate(other));
        const floor = binary("div", other, constant(factor));
        const ceil = binary("div", binary("add", other, constant(factor - 1)), constant(factor));
        switch (relation) {
          case "<":
            return this.isolate(inner, "<", ceil);
          case "<=":
            return this.isolate(inner, "<=", floor);
          case ">":
            return this.isolate(inner, ">", floor);
          default:
            return this.isolate(inner, ">=", ceil);
        }
      }
      case "abs":
        if (relation === "<" || relation === "<=")
          return this.intersect(this.isolate(e.a, relation, other), this.isolate(e.a, flipped[relation], negate(other)));
        return this.unite(this.isolate(e.a, relation, other), this.isolate(e.a, flipped[relation], negate(other)));
      case "min":
      case "max": {
        // min(a, b) < c is a < c or b < c; min(a, b) > c is both; max the other way round.
        const either = (e.kind === "min") === (relation === "<" || relation === "<=");
        const [a, b] = [this.side(e.a, relation, other), this.side(e.b, relation, other)];
        return either ? this.unite(a, b) : this.intersect(a, b);
      }
      case "select":
        return this.unite(
          this.intersect(this.bands(e.cond, true), this.side(e.a, relation, other)),
          this.intersect(this.bands(e.cond, false), this.side(e.b, relation, other)),
        );
      default:
        return this.open();
    }
  }

  /** Solves for the unknown in a part of an expression, which may be without it: then the relation holds for a whole row or not at all. */
  private side(part: IntExpr, relation: Relation, other: IntExpr): readonly Band[] {
    if (mentions(part, this.unknown.name)) return this.isolate(part, relation, other);
    const cond = asCondition(part, relation, other);
    return isPlain(cond) ? [everything] : this.chooseBands(cond, [everything], []);
  }

  /** Of a sum whose parts both have the unknown in them, one that stays between constants counts as these. */
  private isolateSum(a: IntExpr, b: IntExpr, relation: Relation, other: IntExpr): readonly Band[] {
    if (!this.unknown.relax) return this.open();
    for (const [part, rest] of [
      [b, a],
      [a, b],
    ] as const) {
      const { low, high } = constantBounds(part);
      const least = relation === "<" || relation === "<=" ? low : high;
      if (!Number.isFinite(least)) continue;
      this.exact = false;
      return this.isolate(rest, relation, binary("sub", other, constant(least)));
    }
    return this.open();
  }

  private intersect(a: readonly Band[], b: readonly Band[]): readonly Band[] {
    return this.capped(
      a.flatMap((x) =>
        b.map((y) => ({
          lo: x.lo && y.lo ? binary("max", x.lo, y.lo) : (x.lo ?? y.lo),
          hi: x.hi && y.hi ? binary("min", x.hi, y.hi) : (x.hi ?? y.hi),
        })),
      ),
    );
  }

  private unite(a: readonly Band[], b: readonly Band[]): readonly Band[] {
    const all = [...a, ...b];
    return all.some((band) => !band.lo && !band.hi) ? [everything] : this.capped(all);
  }

  /** Past the limit the last two become their hull. */
  private capped(bands: readonly Band[]): readonly Band[] {
    if (bands.length <= MOST_BANDS) return bands;
    this.exact = false;
    const [x, y] = [bands[bands.length - 2]!, bands[bands.length - 1]!];
    return this.capped([...bands.slice(0, -2), hullOf([x, y])]);
  }

  /** The bands of `a` where `cond` holds and those of `b` where it does not, paired up so that there are few. */
  private chooseBands(cond: BoolExpr, a: readonly Band[], b: readonly Band[]): readonly Band[] {
    const { length } = this.unknown;
    // Empty, and neutral where a tile has rows of both kinds and the hull is taken.
    const empty: Band = { lo: length, hi: constant(0) };
    const bands: Band[] = [];
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      const [x, y] = [a[i] ?? empty, b[i] ?? empty];
      const lo: IntExpr | undefined = !x.lo && !y.lo ? undefined : { kind: "select", cond, a: x.lo ?? constant(0), b: y.lo ?? constant(0) };
      const hi: IntExpr | undefined = !x.hi && !y.hi ? undefined : { kind: "select", cond, a: x.hi ?? length, b: y.hi ?? length };
      bands.push({ lo, hi });
    }
    return bands;
  }

  /** A block index that positions may be compared with, held between -1 and the block past the last. */
  private heldWithin(block: IntExpr, size: number): IntExpr {
    const past = binary("add", binary("div", this.unknown.length, constant(size)), constant(1));
    return binary("max", binary("min", block, past), constant(-1));
  }
}

type Relation = "<" | "<=" | ">" | ">=" | "==";

const flipped: Record<Relation, Relation> = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==" };

function relationOf(op: CompareOp, truth: boolean): Relation | undefined {
  switch (op) {
    case "lt":
      return truth ? "<" : ">=";
    case "le":
      return truth ? "<=" : ">";
    case "eq":
      return truth ? "==" : undefined;
    case "ne":
      return truth ? undefined : "==";
  }
}

function asCondition(a: IntExpr, relation: Relation, b: IntExpr): BoolExpr {
  switch (relation) {
    case "<":
      return { kind: "compare", op: "lt", a, b };
    case "<=":
      return { kind: "compare", op: "le", a, b };
    case ">":
      return { kind: "compare", op: "lt", a: b, b: a };
    case ">=":
      return { kind: "compare", op: "le", a: b, b: a };
    case "==":
      return { kind: "compare", op: "eq", a, b };
  }
}

/** `0 <= x` for an x that is made of positions and never negative. */
function isPlain(e: BoolExpr): boolean {
  return e.kind === "compare" && e.op === "le" && e.a.kind === "int" && e.a.value <= 0 && neverNegative(e.b);
}

function neverNegative(e: IntExpr): boolean {
  return e.kind === "var" || e.kind === "mod" || (e.kind === "div" && neverNegative(e.a));
}

function bandOf(relation: Relation, other: IntExpr): Band {
  const next = binary("add", other, constant(1));
  switch (relation) {
    case "<":
      return { hi: other };
    case "<=":
      return { hi: next };
    case ">":
      return { lo: next };
    case ">=":
      return { lo: other };
    case "==":
      return { lo: other, hi: next };
  }
}

const constant = (value: number): IntExpr => ({ kind: "int", value });
const binary = (kind: "add" | "sub" | "mul" | "div" | "min" | "max", a: IntExpr, b: IntExpr): IntExpr => ({ kind, a, b });
const negate = (a: IntExpr): IntExpr => ({ kind: "neg", a });

/** Whether a mask expression has the variable in it. */
export function mentions(e: IntExpr | BoolExpr, name: "q" | "k"): boolean {
  return some(e, (node) => node.kind === "var" && node.name === name);
}
