import type { RealValue, Selection, Tensor as TensorNode, TensorAxes } from "../mask/selection.js";
import { groupSize, HEAD, ROW, rowCount } from "./axes.js";
import { int, mul, named, shape, ZERO } from "./int.js";
import type { Bits, Cond, Int, Real, Stage, Tensor } from "./ir.js";
import type { Lowering } from "./lower.js";
import { binary, loop, number } from "./reals.js";

/** What is compared before a selection is made, and remembered with it. */
export interface Guard {
  /** Rows whose choice stays. */
  readonly stays: Cond;
  /** Not 0 where the choices of all rows of a batch entry stay: no stage that serves this selection alone is needed. */
  readonly all: Tensor;
  /** The queries that the choices were made for, word for word: `[query heads, rows, headDim]`. */
  readonly queries: Bits;
  /** Puts the new queries in the place of the old ones, where a choice does not stay. */
  readonly remember: () => void;
}

const LARGEST = 3.4028234663852886e38;

/**
 * Adds the stages that compare the queries of each row with those that its choice was made for. The cosine is at least c, not
 * negative, where (a . b)^2 >= c^2 |a|^2 |b|^2 and a . b > 0: no root and no quotient, so that all devices agree at the
 * border. Nothing is like a zero vector, nor like one whose length is no float32; NaN compares with nothing.
 */
export function lowerGuard(lowering: Lowering, { name, heads, rows }: Selection, cosine: RealValue, queriesName: string): Guard {
  const axis = { unit: rows!.unit };
  const axes: TensorAxes = { heads, rows: axis, dim: false };
  const count = rowCount(lowering.module.space, axis);
  const queries: Bits = {
    name: queriesName,
    heads: "query",
    rows: count,
    rowUnit: axis.unit,
    columns: mul(shape("headDim"), int(32)),
    remembers: name,
  };
  const now = queryOf(axis.unit);
  const value = lowering.stage(() =>
    similarity(lowering, heads, cosine, (head, dim) => {
      const at = { head, row: ROW, dim };
      return [lowering.value(now, { heads: "query", ...at }), { kind: "word", from: queries, at }];
    }),
  );
  const similar = lowering.map(`like ${queriesName}`, axes, value);
  const all = lowering.map(`all like ${queriesName}`, { heads: "one", dim: false }, leastOf(lowering, similar, count));
  const staysFor = (of: Tensor["heads"]): Cond => ({
    kind: "nonzero",
    a: lowering.loadOf(similar, { heads: of, head: HEAD, row: ROW }),
  });
  const remember = (): void => {
    const made = lowering.stage(() => lowering.value(now, { heads: "query", head: HEAD, row: ROW, dim: named("dim") }));
    lowering.add({ kind: "words", name: `remember ${queriesName}`, to: queries, value: made, stays: staysFor("query"), serves: [] });
  };
  return { stays: staysFor(heads), all, queries, remember };
}

/** A query of each row: the mean of a unit of several. */
function queryOf(unit: number): TensorNode {
  const view: TensorNode = { kind: "view", of: "q", axes: { heads: "query", rows: { unit: 1 }, dim: true } };
  return unit === 1 ? view : { kind: "pool", op: "mean", over: "rows", a: view, axes: { heads: "query", rows: { unit }, dim: true } };
}

/** The query heads that share the choice of a stage's head: their number, and the first of them. */
const sharing: Readonly<Record<Tensor["heads"], { readonly count: Int; readonly first: Int }>> = {
  query: { count: int(1), first: HEAD },
  kv: { count: groupSize, first: mul(HEAD, groupSize) },
  one: { count: shape("heads"), first: ZERO },
};

/** 1 where the vectors of a row are alike, else 0; `pair` gives the numbers of a query head and a dim of both. */
function similarity(
  lowering: Lowering,
  heads: Tensor["heads"],
  cosine: RealValue,
  pair: (head: Int, dim: Int) => readonly [Real, Real],
): Real {
  const { count, first } = sharing[heads];
  const [h, d] = [lowering.fresh(), lowering.fresh()];
  const head: Int = heads === "query" ? first : { kind: "add", a: first, b: named(h) };
  const [a, b] = pair(head, named(d));
  const sum = (x: Real, y: Real): Real => {
    const dims = loop("sum", d, ZERO, shape("headDim"), binary("mul", x, y));
    return heads === "query" ? dims : loop("sum", h, ZERO, count, dims);
  };
  const [product, lengths] = [sum(a, b), binary("mul", sum(a, a), sum(b, b))];
  const least: Real = cosine.kind === "number" ? number(Math.fround(cosine.value)) : { kind: "scalar", slot: cosine.slot, head: ZERO };
  const close = binary("le", binary("mul", binary("mul", least, least), lengths), binary("mul", product, product));
  const isNumber = binary("le", lengths, number(LARGEST));
  return binary("mul", binary("mul", binary("lt", number(0), product), isNumber), close);
}

/** The least number of a tensor's heads and rows. */
function leastOf(lowering: Lowering, from: Tensor, rows: Int): Real {
  const [h, r] = [lowering.fresh(), lowering.fresh()];
  const count = { query: shape("heads"), kv: shape("kvHeads"), one: int(1) }[from.heads];
  const head: Int = from.heads === "one" ? ZERO : named(h);
  const least = loop("min", r, ZERO, rows, { kind: "load", from, at: { head, row: named(r) } });
  return from.heads === "one" ? least : loop("min", h, ZERO, count, least);
}

/** Stages that serve one guarded selection alone are not run where all of its choices stay. */
export function withSkips(stages: readonly Stage[], guards: ReadonlyMap<string, Guard>): readonly Stage[] {
  return stages.map((stage) => {
    const guard = stage.serves.length === 1 ? guards.get(stage.serves[0]!) : undefined;
    return guard === undefined || stage.to === guard.all ? stage : { ...stage, unless: guard.all };
  });
}
