import { boundsContext, boundsOf, maxLength } from "../mask/bounds.js";
import type { BoolExpr, CompareOp, IntExpr, MaskModule } from "../mask/ir.js";
import { some } from "../mask/walk.js";
import { interval, wholeTile } from "./intervals.js";
import * as t from "./expr.js";
import type { TileExpr } from "./expr.js";

/**
 * For one query, the keys `lo <= k < hi`; an end that is left out is the border of the sequence.
 * The ends do not mention `k`.
 */
interface Band {
  readonly lo?: IntExpr | undefined;
  readonly hi?: IntExpr | undefined;
}

/** For a tile of queries, the keys `[lo, hi)`; not yet clamped to the sequence. */
export interface KeyRange {
  readonly lo: TileExpr;
  readonly hi: TileExpr;
}

/** More bands than this are merged: each costs the kernel a comparison per tile. */
const MOST_BANDS = 4;

const everything: Band = {};

/**
 * A short union of key ranges that holds every key a tile of queries may see. The mask is solved for
 * `k`, query by query; what does not solve leaves its part of the range open. The ranges may overlap.
 */
export function keyRanges(module: MaskModule): readonly KeyRange[] {
  const length = maxLength(module);
  const fits = (end: IntExpr | undefined): boolean => {
    let inside = true;
    if (end)
      boundsOf(
        end,
        boundsContext(module, length, () => (inside = false)),
      );
    return inside;
  };
  // An end may leave 32 bits where the mask it was solved from does not: it stays open then.
  const bands = solve(module.mask, true).map((band) => ({
    lo: fits(band.lo) ? band.lo : undefined,
    hi: fits(band.hi) ? band.hi : undefined,
  }));
  return bands.map((band) => ({
    lo: band.lo ? interval(band.lo, wholeTile).lo : t.int(0),
    hi: band.hi ? interval(band.hi, wholeTile).hi : t.variable("N"),
  }));
}

/** Bands whose union holds every k for which `e` is `truth`. */
function solve(e: BoolExpr, truth: boolean): readonly Band[] {
  switch (e.kind) {
    case "bool":
      return e.value === truth ? [everything] : [];
    case "not":
      return solve(e.a, !truth);
    case "and":
    case "or": {
      const parts = e.items.map((item) => solve(item, truth));
      return (e.kind === "and") === truth ? parts.reduce(intersect) : parts.reduce(unite);
    }
    case "choose": {
      if (mentions(e.cond, "k")) return unite(solve(e.a, truth), solve(e.b, truth));
      return chooseBands(e.cond, solve(e.a, truth), solve(e.b, truth));
    }
    case "compare":
      return solveCompare(e.op, e.a, e.b, truth);
    case "pow2":
      return truth ? solveCompare("le", constant(1), e.a, true) : [everything];
    case "bit":
      return [everything];
  }
}

type Relation = "<" | "<=" | ">" | ">=" | "==";

const flipped: Record<Relation, Relation> = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==" };

function solveCompare(op: CompareOp, a: IntExpr, b: IntExpr, truth: boolean): readonly Band[] {
  const relation = relationOf(op, truth);
  if (!relation) return [everything];
  const [inA, inB] = [mentions(a, "k"), mentions(b, "k")];
  if (inA && inB) return [everything];
  if (inA) return isolate(a, relation, b);
  if (inB) return isolate(b, flipped[relation], a);
  // Without k the condition holds for the whole row or for none of it.
  const cond: BoolExpr = truth ? { kind: "compare", op, a, b } : { kind: "not", a: { kind: "compare", op, a, b } };
  return chooseBands(cond, [everything], []);
}

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

/** Solves `e relation other` for the only `k` in `e`; what cannot be undone leaves the range open. */
function isolate(e: IntExpr, relation: Relation, other: IntExpr): readonly Band[] {
  if (relation === "==" && e.kind !== "var" && e.kind !== "div") {
    // Both sides of an equation are bounds; this also serves forms with no exact inverse.
    return intersect(isolate(e, "<=", other), isolate(e, ">=", other));
  }
  switch (e.kind) {
    case "var":
      return [bandOf(relation, other)];
    case "neg":
      return isolate(e.a, flipped[relation], negate(other));
    case "add": {
      const [inner, outer] = mentions(e.a, "k") ? [e.a, e.b] : [e.b, e.a];
      return mentions(outer, "k") ? [everything] : isolate(inner, relation, binary("sub", other, outer));
    }
    case "sub":
      if (mentions(e.a, "k") && mentions(e.b, "k")) return [everything];
      return mentions(e.a, "k")
        ? isolate(e.a, relation, binary("add", other, e.b))
        : isolate(e.b, flipped[relation], binary("sub", e.a, other));
    case "div": {
      if (e.b.kind !== "int" || e.b.value <= 0) return [everything];
      // Blocks before the first and after the last key say no more than those do, and their products may overflow.
      const block = e.a.kind === "var" ? heldWithin(other, e.b.value) : other;
      const first = binary("mul", block, e.b);
      const next = binary("mul", binary("add", block, constant(1)), e.b);
      switch (relation) {
        case "<":
          return isolate(e.a, "<", first);
        case "<=":
          return isolate(e.a, "<", next);
        case ">":
          return isolate(e.a, ">=", next);
        case ">=":
          return isolate(e.a, ">=", first);
        case "==":
          return intersect(isolate(e.a, ">=", first), isolate(e.a, "<", next));
      }
    }
    // falls through: never, every relation returns
    case "mul": {
      const [inner, factor] = e.b.kind === "int" ? [e.a, e.b.value] : e.a.kind === "int" ? [e.b, e.a.value] : [undefined, 0];
      if (!inner || factor === 0) return [everything];
      if (factor < 0) return isolate(binary("mul", inner, constant(-factor)), flipped[relation], negate(other));
      const floor = binary("div", other, constant(factor));
      const ceil = binary("div", binary("add", other, constant(factor - 1)), constant(factor));
      switch (relation) {
        case "<":
          return isolate(inner, "<", ceil);
        case "<=":
          return isolate(inner, "<=", floor);
        case ">":
          return isolate(inner, ">", floor);
        default:
          return isolate(inner, ">=", ceil);
      }
    }
    case "abs":
      if (relation === "<" || relation === "<=")
        return intersect(isolate(e.a, relation, other), isolate(e.a, flipped[relation], negate(other)));
      return unite(isolate(e.a, relation, other), isolate(e.a, flipped[relation], negate(other)));
    case "min":
    case "max": {
      // min(a, b) < c is a < c or b < c; min(a, b) > c is both; max the other way round.
      const either = (e.kind === "min") === (relation === "<" || relation === "<=");
      const side = (part: IntExpr): readonly Band[] =>
        mentions(part, "k") ? isolate(part, relation, other) : chooseBands(asCondition(part, relation, other), [everything], []);
      return either ? unite(side(e.a), side(e.b)) : intersect(side(e.a), side(e.b));
    }
    default:
      return [everything];
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

function intersect(a: readonly Band[], b: readonly Band[]): readonly Band[] {
  return capped(
    a.flatMap((x) =>
      b.map((y) => ({
        lo: x.lo && y.lo ? binary("max", x.lo, y.lo) : (x.lo ?? y.lo),
        hi: x.hi && y.hi ? binary("min", x.hi, y.hi) : (x.hi ?? y.hi),
      })),
    ),
  );
}

function unite(a: readonly Band[], b: readonly Band[]): readonly Band[] {
  const all = [...a, ...b];
  return all.some((band) => !band.lo && !band.hi) ? [everything] : capped(all);
}

/** Past the limit the last two become their hull. */
function capped(bands: readonly Band[]): readonly Band[] {
  if (bands.length <= MOST_BANDS) return bands;
  const [x, y] = [bands[bands.length - 2]!, bands[bands.length - 1]!];
  const hull: Band = {
    lo: x.lo && y.lo ? binary("min", x.lo, y.lo) : undefined,
    hi: x.hi && y.hi ? binary("max", x.hi, y.hi) : undefined,
  };
  return capped([...bands.slice(0, -2), hull]);
}

/** The bands of `a` where `cond` holds and those of `b` where it does not, paired up so that there are few. */
function chooseBands(cond: BoolExpr, a: readonly Band[], b: readonly Band[]): readonly Band[] {
  const length: IntExpr = { kind: "var", name: "N" };
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

/** A block index that keys may be compared with, held between -1 and the block past the last. */
function heldWithin(block: IntExpr, size: number): IntExpr {
  const past = binary("add", binary("div", { kind: "var", name: "N" }, constant(size)), constant(1));
  return binary("max", binary("min", block, past), constant(-1));
}

const constant = (value: number): IntExpr => ({ kind: "int", value });
const binary = (kind: "add" | "sub" | "mul" | "div" | "min" | "max", a: IntExpr, b: IntExpr): IntExpr => ({ kind, a, b });
const negate = (a: IntExpr): IntExpr => ({ kind: "neg", a });

function mentions(e: IntExpr | BoolExpr, name: "q" | "k"): boolean {
  return some(e, (node) => node.kind === "var" && node.name === name);
}
