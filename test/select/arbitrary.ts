import fc from "fast-check";
import type { BoolExpr, FloatInput, HostScalar, MaskModule, Space } from "../../compiler/mask/ir.js";
import { add, and, bool, int, k, le, lt, mod, not, or, q, scalar, sub, variable } from "../../compiler/mask/make.js";
import { bitOfPair } from "../../compiler/mask/selection-bits.js";
import type { Flag, Force, Keep, RealValue, Selection, Tensor } from "../../compiler/mask/selection.js";
import { simplifyBool } from "../../compiler/mask/simplify.js";
import type { SelectionCall } from "../../compiler/select/memory.js";
import { random } from "../../runtime/verify/random.js";
import { CAUSAL, CROSS, FULL, moduleWith } from "./policies.js";
import * as t from "./tensors.js";

/** A module with one or two selections and flags, and calls of it. */
export interface SelectionCase {
  readonly module: MaskModule;
  readonly calls: readonly SelectionCall[];
}

/** Head counts, and the number of each head: host scalars by head, an int32 and a float32. */
const SCALARS: readonly HostScalar[] = [
  { expr: { kind: "add", a: { kind: "number", value: 1 }, b: { kind: "var", name: "h" } }, note: "h + 1" },
  {
    expr: {
      kind: "divide",
      a: { kind: "add", a: { kind: "number", value: 1 }, b: { kind: "var", name: "h" } },
      b: { kind: "number", value: 8 },
    },
    note: "(h + 1) / 8",
    as: "f32",
  },
];

interface Units {
  readonly rows: number | undefined;
  readonly unit: number;
}

const units: fc.Arbitrary<Units> = fc.record({ rows: fc.constantFrom(undefined, 1, 4, 5, 16), unit: fc.constantFrom(1, 4, 6, 16) });

/** Vectors of the units: of queries or of one for all of them, and of keys. */
function vectors({ rows, unit }: Units): fc.Arbitrary<readonly [query: Tensor, key: Tensor]> {
  const query =
    rows === undefined
      ? fc.constantFrom<Tensor>(t.reduce("mean", "rows", t.queries()), t.reduce("max", "rows", t.queries(7)), t.channels("channel"))
      : rows === 1
        ? fc.constant(t.queries())
        : fc.constantFrom(...(["mean", "sum", "max", "first", "last"] as const)).map((op) => t.poolRows(op, t.queries(), rows));
  const key =
    unit === 1
      ? fc.constantFrom<Tensor>(t.keys, t.unary("abs", t.keys), t.unary("round", t.binary("mul", t.keys, t.number(0.25))))
      : fc.constantFrom(...(["mean", "sum", "min", "max", "first", "last"] as const)).map((op) => t.poolColumns(op, t.keys, unit));
  return fc.tuple(query, key);
}

/** Softmax of the products of single queries and keys: of all queries, or of the last. */
const probabilities = (last: number | undefined): Tensor => t.softmax(t.binary("mul", t.dot(t.queries(last), t.keys), t.scale));

function scores(at: Units): fc.Arbitrary<Tensor> {
  const { rows, unit } = at;
  const products = vectors(at).map(([query, key]) => t.dot(query, key));
  const exact: fc.Arbitrary<Tensor>[] = [
    products,
    products.map((a) => t.binary("max", t.unary("neg", a), t.number(-3))),
    products.map((a) => t.binary("mul", a, t.keySize(unit))),
    products.map((a) => t.choose(t.binary("lt", a, t.number(1)), t.number(1), a)),
    products.map((a) => t.binary("sub", a, t.keyPosition(unit, unit, "last"))),
    vectors(at).map(([query, key]) =>
      t.reduce("sum", "dim", t.binary("max", t.binary("mul", query, key), t.binary("mul", query, t.unary("neg", key)))),
    ),
  ];
  if (unit === 1) exact.push(products.map((a) => t.binary("mul", a, t.weights("weight_k", "k"))));
  if (rows === 1) exact.push(products.map((a) => t.binary("add", a, t.weights("weight_q", "q"))));
  if (rows !== undefined) exact.push(fc.constant(t.scores(`scores_${rows}_${unit}`, rows, unit)));
  const scaled = products.map((a) => t.binary("mul", a, t.scale));
  const rounded: fc.Arbitrary<Tensor>[] = [
    scaled.map((a) => t.softmax(a)),
    scaled.map((a) => t.softmax(t.binary("add", a, t.unary("log", t.keySize(unit))))),
    scaled.map((a) => t.softmax(a, t.binary("le", t.number(4), t.keyPosition(unit, unit, "last")))),
    scaled.map((a) => t.smooth("mean", 3, t.softmax(a))),
    scaled.map((a) => t.smooth("max", 4, a)),
    scaled.map((a) => t.binary("mul", a, t.scalar(1))),
  ];
  if (unit > 1) {
    const windows = t.poolColumns("mean", t.keys, unit, unit / 2);
    const query =
      rows === undefined ? t.reduce("mean", "rows", t.queries()) : rows === 1 ? t.queries() : t.poolRows("mean", t.queries(), rows);
    rounded.push(fc.constant(t.fold([1, 2, 1], 1, unit, t.softmax(t.dot(query, windows)))));
    const tokens = rows === undefined ? t.reduce("mean", "rows", probabilities(5)) : rows === 1 ? probabilities(undefined) : undefined;
    if (tokens !== undefined)
      rounded.push(fc.constantFrom(...(["sum", "mean", "max"] as const)).map((op) => t.poolColumns(op, tokens, unit)));
  }
  if (rows !== undefined && rows > 1) {
    const fine = unit === 1 ? probabilities(undefined) : t.poolColumns("sum", probabilities(undefined), unit);
    rounded.push(fc.constantFrom(...(["sum", "mean", "max"] as const)).map((op) => t.poolRows(op, fine, rows)));
  }
  if (rows === undefined && unit === 1)
    rounded.push(
      fc
        .tuple(fc.constantFrom("sum" as const, "mean" as const, "max" as const, "min" as const), fc.constantFrom(9, undefined))
        .map(([op, last]) => t.reduce(op, "rows", probabilities(last))),
    );
  return fc.oneof({ weight: 3, arbitrary: fc.oneof(...exact) }, { weight: 2, arbitrary: fc.oneof(...rounded) });
}

const offsetScores = (unit: number): fc.Arbitrary<Tensor> =>
  fc
    .tuple(fc.constantFrom("sum" as const, "mean" as const), fc.constantFrom(undefined, 6), fc.boolean())
    .map(([op, last, soft]) => t.diagonals(op, soft ? probabilities(last) : t.unary("abs", t.dot(t.queries(last), t.keys)), unit));

/** Over which heads a score is put together, where it is. */
const grouping = (score: Tensor): fc.Arbitrary<Tensor> =>
  score.axes.heads !== "query"
    ? fc.constant(score)
    : fc.oneof(
        { weight: 3, arbitrary: fc.constant(score) },
        {
          weight: 1,
          arbitrary: fc
            .tuple(fc.constantFrom("sum" as const, "mean" as const, "max" as const), fc.constantFrom("kv" as const, "one" as const))
            .map(([op, heads]) => t.overHeads(op, score, heads)),
        },
      );

const real: fc.Arbitrary<RealValue> = fc.oneof(
  fc.constantFrom(0, 0.3, 0.5, 0.9, 1, 1.5, -1).map((value): RealValue => ({ kind: "number", value })),
  fc.constant<RealValue>({ kind: "scalar", slot: 1 }),
);
const amount = fc.oneof(fc.integer({ min: 0, max: 9 }).map(int), fc.constant(scalar(0)), fc.constant(sub(variable("N"), int(3))));

/** Masses are of scores that are not negative. */
const keeps = (positive: boolean, rows: boolean): fc.Arbitrary<Keep> =>
  fc.record(
    {
      rule: fc.oneof(
        amount.map((n) => ({ kind: "top" as const, n })),
        real.map((f) => ({ kind: "fraction" as const, f })),
        real.map((value) => ({ kind: "threshold" as const, t: value })),
        ...(positive ? [real.map((p) => ({ kind: "mass" as const, p }))] : []),
      ),
      least: fc.option(amount, { nil: undefined, freq: 2 }),
      most: fc.option(amount, { nil: undefined, freq: 2 }),
      scope: rows ? fc.constantFrom("row" as const, "head" as const) : fc.constant("row" as const),
    },
    { requiredKeys: ["rule", "scope"] },
  );

const small = fc.option(fc.integer({ min: 0, max: 3 }).map(int), { nil: undefined });

const forces = (keys: boolean, causal: boolean): fc.Arbitrary<Force> => {
  const pairs = fc.constantFrom(
    lt(sub(q, k), int(3)),
    or(lt(k, int(2)), lt(mod(sub(q, k), int(7)), int(1))),
    and(lt(k, variable("h")), le(int(0), k)),
    bool(false),
  );
  return fc.record({
    first: small,
    last: small,
    local: keys ? small : fc.constant(undefined),
    pairs: fc.option(causal ? pairs.map((each) => and(each, le(k, q))) : pairs, { nil: undefined, freq: 3 }),
    onTop: fc.boolean(),
  });
};

const positive = (score: Tensor): boolean =>
  ["softmax", "diagonals", "smooth", "fold"].includes(score.kind) ||
  ((score.kind === "pool" || score.kind === "heads" || score.kind === "reduce") && positive(score.a));

const whenOf = fc.option(fc.constantFrom(lt(variable("h"), int(2)), lt(int(0), scalar(0))), { nil: undefined, freq: 4 });

function selectionOf(name: string, space: Space): fc.Arbitrary<Selection> {
  const byKeys = units.chain((at) =>
    scores(at)
      .chain(grouping)
      .map((score) => ({ score, rows: at.rows, columns: { kind: "keys" as const, unit: at.unit } })),
  );
  const byOffsets = fc.constantFrom(1, 4, 16).chain((unit) =>
    offsetScores(unit)
      .chain(grouping)
      .map((score) => ({ score, rows: undefined, columns: { kind: "offsets" as const, unit } })),
  );
  const places = space.causal ? fc.oneof({ weight: 3, arbitrary: byKeys }, { weight: 1, arbitrary: byOffsets }) : byKeys;
  return places.chain(({ score, rows, columns }) =>
    fc
      .record({
        keep: keeps(positive(score), rows !== undefined),
        force: fc.option(forces(columns.kind === "keys", space.causal), { nil: undefined }),
        snap: fc.option(fc.constantFrom(3, 8, 32), { nil: undefined, freq: 3 }),
        when: whenOf,
      })
      .map((rest): Selection => ({
        kind: "selection",
        name,
        heads: score.axes.heads === "one" ? "query" : score.axes.heads,
        ...(rows === undefined ? {} : { rows: { unit: rows } }),
        columns,
        score,
        ...rest,
      })),
  );
}

const flagOf = (name: string): fc.Arbitrary<Flag> =>
  fc.constantFrom(1.618034, 4.669202, 20.085537).map((limit): Flag => {
    const mean = t.reduce("mean", "rows", t.queries());
    const far = t.reduce("sum", "columns", t.unary("abs", t.dot(mean, t.poolColumns("mean", t.keys, 4))));
    return { kind: "flag", name, heads: "query", value: t.binary("lt", far, t.number(limit)) };
  });

const lengths = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })), { minLength: 3, maxLength: 3 });
const headCounts = fc.constantFrom([4, 2], [3, 1], [2, 2]);

/** Has the last of two selections read the first: in what it is made among, in what is forced, or in both. */
const reading = (space: Space): fc.Arbitrary<(items: readonly (Selection | Flag)[]) => readonly (Selection | Flag)[]> => {
  const masks = fc.option(
    fc.constantFrom<(bit: BoolExpr) => BoolExpr>(
      (bit) => bit,
      (bit) => or(bit, lt(k, int(3))),
      (bit) => and(bit, lt(mod(add(q, k), int(3)), int(1))),
      (bit) => and(not(bit), lt(sub(q, k), int(20))),
      (bit) => or(and(bit, not(bit)), lt(int(9), sub(q, k))),
    ),
    { nil: undefined },
  );
  return fc.record({ among: masks, force: masks, onTop: fc.boolean() }).map(({ among, force, onTop }) => (items) => {
    const [first, second] = items;
    const shares = { query: ["query"], kv: ["query", "kv"], one: ["query", "kv", "one"] };
    if (first?.kind !== "selection" || second?.kind !== "selection" || !shares[first.heads].includes(second.heads)) return items;
    const bit = simplifyBool(bitOfPair(first, space));
    const allowed = (mask: BoolExpr): BoolExpr => simplifyBool(space.causal ? and(le(k, q), mask) : mask);
    return [
      { ...first, when: undefined },
      {
        ...second,
        ...(among === undefined ? {} : { among: allowed(among(bit)) }),
        ...(force === undefined ? {} : { force: { onTop, ...second.force, pairs: allowed(force(bit)) } }),
      },
    ];
  });
};

/** Selections of every kind, and calls at lengths that divide nothing. */
export const selectionCase: fc.Arbitrary<SelectionCase> = fc
  .record({
    space: fc.constantFrom(CAUSAL, CAUSAL, FULL, CROSS),
    pairs: lengths,
    headCounts,
    seed: fc.nat(),
    second: fc.boolean(),
    batch: fc.constantFrom(1, 2),
    dtype: fc.constantFrom("f32" as const, "f16" as const),
  })
  .chain(({ space, pairs, headCounts: counts, seed, second, batch, dtype }) => {
    const [heads, kvHeads] = counts as [number, number];
    const items: fc.Arbitrary<Selection | Flag>[] = [
      selectionOf("x", space),
      ...(second ? [fc.oneof(selectionOf("y", space), flagOf("y"))] : []),
    ];
    return fc.tuple(fc.tuple(...items), reading(space)).map(([plain, read]) => {
      const selections = read(plain);
      // Threads own four dims: a multiple of them, and one that is none.
      const headDim = seed % 3 === 0 ? 8 : 4;
      const floatInputs = inputsOf(selections);
      const module = moduleWith(selections, { space, heads, kvHeads, headDim, dtype, floatInputs, scalars: SCALARS });
      const calls = pairs.map(([a, b], i) => {
        const own = space.kind === "self" ? { N: Math.max(a, b), NQ: Math.min(a, b) } : { N: a, NQ: b };
        return callOf(module, { ...own, batch, seed: seed + i });
      });
      return { module, calls };
    });
  });

/** A call of random whole numbers, small enough for sums of products to be exact. */
export function callOf(
  { shape, floatInputs = [], space }: MaskModule,
  { N, NQ, batch, seed }: { N: number; NQ: number; batch: number; seed: number },
  number: (next: ReturnType<typeof random>) => number = (next) => next.integer(-2, 2),
): SelectionCall {
  const { heads, kvHeads, headDim } = shape;
  const next = random(seed);
  const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => number(next));
  const first = space.kind === "self" ? N - NQ : 0;
  const blocks = (n: number): number => Math.floor((first + NQ - 1) / n) - Math.floor(first / n) + 1;
  const floats = floatInputs.map((input, i) => {
    const given = [heads, kvHeads, 1][i % 3]!;
    const size =
      input.kind === "channels"
        ? headDim
        : input.kind === "weights"
          ? { q: NQ, k: N }[input.axis]
          : input.kind === "scores"
            ? blocks(input.n) * Math.ceil(N / input.m)
            : input.kind === "centroids"
              ? input.n * headDim
              : Math.max(0, Math.floor((N - input.n) / input.stride) + 1) * headDim;
    const entries = i % 2 === 0 ? batch : 1;
    return [input.name, { batch: entries, heads: given, data: numbers(entries * given * size) }] as const;
  });
  return {
    env: { N, NQ, heads, kvHeads },
    batch,
    headDim,
    q: numbers(batch * heads * NQ * headDim),
    k: numbers(batch * kvHeads * N * headDim),
    floats: Object.fromEntries(floats),
  };
}

/** The inputs that selections read, by what their names say. */
function inputsOf(selections: readonly (Selection | Flag)[]): readonly FloatInput[] {
  const text = JSON.stringify(selections);
  const found = [...new Set([...text.matchAll(/"name":"(channel|weight_[qk]|scores_\d+_\d+)"/g)].map(([, name]) => name!))];
  return found.map((name): FloatInput => {
    const [kind, n, m] = name.split("_");
    if (kind === "weight") return { kind: "weights", name, axis: n as "q" | "k" };
    return name === "channel" ? { kind: "channels", name } : { kind: "scores", name, n: Number(n), m: Number(m) };
  });
}
