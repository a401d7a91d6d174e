import fc, { type Arbitrary } from "fast-check";

/** The text of an attention `a` that selects, and a call of it. */
export interface SelectingProgram {
  readonly text: string;
  readonly N: number;
  readonly NQ: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly layer: number;
  readonly step: number;
  /** Whole numbers, so that scores are exact and ties have one right answer. */
  readonly exact: boolean;
  readonly seed: number;
}

interface Place {
  readonly space: string;
  readonly layout: string;
  readonly tiles: boolean;
  /** How many clusters the layout orders tokens by. */
  readonly clusters?: number;
  readonly causal: boolean;
  /** Whether distances can be selected. */
  readonly distances: boolean;
  /** Terms of a mask that are for this space only. */
  readonly terms: readonly string[];
  /** A length that the space fixes. */
  readonly N?: number;
}

const sequence = { layout: "", tiles: false, terms: [] };
const causal = { causal: true, distances: true };
const free = { causal: false, distances: false };
const grid = ["q.y == k.y", "near(x, window: 3)"];

const byClusters = (n: number): string => `permute(q: cluster(${n}, iters: 1), k: cluster(${n}, iters: 1))`;

const PLACES: readonly Place[] = [
  { ...sequence, ...causal, space: "seq causal" },
  { ...sequence, ...causal, space: "seq causal" },
  { ...sequence, ...free, space: "seq full" },
  { ...sequence, ...free, space: "seq cross" },
  { ...sequence, ...causal, space: "seq + text(3) causal", distances: false, terms: ["text"] },
  { ...sequence, ...causal, space: "seq causal", layout: "residues(2)", tiles: true },
  { ...sequence, ...causal, space: "seq causal", layout: byClusters(4), clusters: 4 },
  { ...sequence, ...free, space: "seq cross", layout: byClusters(3), clusters: 3 },
  { ...causal, space: "grid(y: 6, x: 5) causal", layout: "", tiles: false, terms: grid, N: 30 },
  { ...free, space: "grid(y: 6, x: 5) + text(4)", layout: "tiles(3, 2)", tiles: true, terms: [...grid, "text"], N: 34 },
  { ...free, space: "grid(y: 5, x: 6)", layout: "curve(gilbert)", tiles: true, terms: grid, N: 30 },
  { ...causal, space: "grid(y: 4, x: 8) causal", layout: "curve(morton)", tiles: true, terms: grid, N: 32 },
];

const OPS = ["mean", "sum", "min", "max"] as const;
const SIZES = [2, 3, 4, 6, 8];

/** What a selection chooses for and what it chooses. `size` 0 is single tokens, no size one choice for all. */
interface Units {
  readonly rows: { readonly size: number; readonly kind: "block" | "tile" | "cluster" } | undefined;
  readonly columns: { readonly size: number; readonly kind: "block" | "page" | "tile" | "diag" | "cluster" };
}

const unitText = (kind: string, size: number): string =>
  kind === "cluster" ? `cluster(${size}, iters: 1)` : size === 0 ? "token" : `${kind}(${size})`;

const unitsText = ({ rows, columns }: Units): string =>
  [
    ...(rows === undefined ? [] : [`q: ${unitText(rows.kind, rows.size)}`]),
    columns.kind === "diag" ? `diag: ${unitText("block", columns.size)}` : `k: ${unitText(columns.kind, columns.size)}`,
  ].join(", ");

function unitsOf(place: Place): Arbitrary<Units> {
  const size = fc.constantFrom(0, ...SIZES);
  const some = place.clusters === undefined ? fc.constantFrom(...SIZES) : fc.constantFrom(place.clusters, place.clusters, 2);
  const blocks = fc.record({
    rows: fc.option(fc.record({ size, kind: fc.constant("block" as const) }), { nil: undefined, freq: 4 }),
    columns: fc.record({ size, kind: fc.constantFrom("block" as const, "block" as const, "page" as const) }),
  });
  const diagonals = size.map((n): Units => ({ rows: undefined, columns: { size: n, kind: "diag" } }));
  const tiles = fc.record({
    rows: fc.option(fc.record({ size, kind: fc.constant("tile" as const) }), { nil: undefined, freq: 4 }),
    columns: fc.record({ size, kind: fc.constant("tile" as const) }),
  });
  const clusters = fc.record({
    rows: fc.option(fc.record({ size: some, kind: fc.constantFrom("block" as const, "cluster" as const) }), { nil: undefined, freq: 4 }),
    columns: fc.record({ size: some, kind: fc.constant("cluster" as const) }),
  });
  return fc.oneof(
    { weight: place.tiles ? 2 : 8, arbitrary: blocks },
    ...(place.distances ? [{ weight: 2, arbitrary: diagonals }] : []),
    ...(place.tiles ? [{ weight: 8, arbitrary: tiles }] : []),
    { weight: place.clusters === undefined ? 1 : 16, arbitrary: clusters },
  );
}

/** A vector for each row of a selection. */
function queryVector({ rows }: Units): Arbitrary<string> {
  if (rows === undefined) return fc.constantFrom("mean(q)", "max(q.last(5))", "sum(q.last(3))");
  if (rows.size === 0) return fc.constantFrom("q", "abs(q)", "low_bit(q, bits: 3)", "-q");
  const ops = rows.kind === "block" ? [...OPS, "first", "last"] : OPS;
  return fc.oneof(
    fc.constantFrom(...ops).map((op) => `${op}(q)`),
    fc.constant("mean(q, weight: abs(sum(q, over: dim)) + 1)"),
    fc.constant("low_bit(mean(q), bits: 4)"),
  );
}

/** A vector for each unit of keys. */
function keyVector({ columns }: Units): Arbitrary<string> {
  if (columns.size === 0) return fc.constantFrom("k", "abs(k)", "low_bit(k, bits: 4)");
  const ops = columns.kind === "block" || columns.kind === "page" ? [...OPS, "first", "last"] : OPS;
  return fc.oneof(
    fc.constantFrom(...ops).map((op) => `${op}(k)`),
    fc.constant("mean(k, weight: exp(-abs(sum(k, over: dim))))"),
    fc.constant("dot(mean(k), mean(k)) * sum(k)"),
  );
}

/** One number for each unit. */
const product = (units: Units): Arbitrary<string> =>
  fc
    .tuple(queryVector(units), keyVector(units))
    .chain(([a, b]) =>
      fc.constantFrom(`dot(${a}, ${b})`, `dot(${a}, ${b})`, `sum(max(${a} * ${b}, -(${b})), over: dim)`, `dot4(${a}, ${b})`),
    );

/** A score of keys, blocks or distances; `p` is what the last queries give to each key. */
function scoreOf(units: Units): Arbitrary<string> {
  const { rows, columns } = units;
  if (columns.kind === "diag") {
    const scores = ["p", "dot(q.last(6), k)", "softmax(dot(q, k))", "softmax(dot(q.last(40), k))"];
    return fc.tuple(fc.constantFrom("sum", "mean"), fc.constantFrom(...scores)).map(([op, score]) => `${op}(${score}, over: diag)`);
  }
  const base = product(units);
  const query = rows === undefined || rows.size > 0 ? "mean(q)" : "q";
  const half = columns.size / 2;
  const halves = columns.size > 0 && columns.size % 2 === 0;
  const inOrder = columns.kind === "block" || columns.kind === "page";
  const windows = `mean(k, ${columns.size}, stride: ${half})`;
  const some: string[] = [];
  if (rows?.kind === "block" && inOrder) {
    some.push("softmax(dot(q, k) * scale)");
    if (columns.size > 0 && rows.size > 0) some.push(...OPS.map((op) => `${op}(dot(q, k))`));
  }
  if (rows === undefined && inOrder) some.push("sum(p, over: q)", "mean(p, over: q)", "sum(softmax(dot(q.last(4), k)), over: q)");
  if (rows === undefined && columns.size === 0) some.push("avg_pool(sum(p, over: q), 3)", "max_pool(mean(p, over: q), 4)");
  if (columns.kind === "page" && halves)
    some.push(
      ...["max", "sum", "min"].map(
        (op) => `${op}(sum(max(${query} * min(k, ${half}), ${query} * max(k, ${half})), over: dim), over: subpage)`,
      ),
    );
  if (columns.kind === "block" && halves)
    some.push(
      `fold(softmax(dot(${query}, ${windows})), 1, 2, 1)`,
      `fold(dot(${query}, ${windows}), 1, 2, 1)`,
      `fold(softmax(dot(${query}, ${windows}), where: end(${windows}) <= end(q)), 1, 2, 1)`,
    );
  return fc.oneof(
    { weight: 4, arbitrary: base },
    base.map((score) => `softmax((${score}) * scale)`),
    base.map((score) => `softmax((${score}) * scale + log(size(k))) + 0.125`),
    base.map((score) => `${score} * (1.0 if h < 1 else -0.5) + h`),
    base.map((score) => `${score} - 0.25 * start(k)`),
    base.map((score) => `${score} if ${score} < 2 else size(k) - end(k)`),
    base.map((score) => `0 * (${score})`),
    base.map((score) => `softmax(${score}, where: start(k) >= 3)`),
    // Infinities and NaN.
    base.map((score) => `1 / (${score})`),
    base.map((score) => `log(${score})`),
    ...(some.length > 0 ? [{ weight: 4, arbitrary: fc.constantFrom(...some) }] : []),
  );
}

/** Amounts and masks that differ between heads do not go with a choice that heads share. */
const withoutHeads = (texts: readonly string[], shared: boolean): readonly string[] =>
  shared ? texts.filter((text) => !/\bh\b/.test(text)) : texts;

const ruleOf = (shared: boolean): Arbitrary<string> => {
  const amount = fc.constantFrom(...withoutHeads(["0", "1", "2", "3", "5", "40", "h + 1", "N / 8", "n"], shared));
  const part = fc.constantFrom(...withoutHeads(["0.0", "0.3", "0.5", "0.9", "1.0", "0.2 + 0.3 * h"], shared));
  return fc.oneof(
    { weight: 3, arbitrary: amount.map((n) => `top(${n})`) },
    part.map((f) => `fraction(${f})`),
    part.map((t) => `threshold(${t})`),
    { weight: 2, arbitrary: part.map((p) => `top_p(${p})`) },
  );
};

const BOUNDS = ["", "", "", " min 1", " max 4", " min 2 max 3", " min h max 5", " min n"];

interface Kept {
  readonly keep: string;
  readonly least: boolean;
  readonly levels: boolean;
}

const keepOf = (rows: boolean, shared: boolean): Arbitrary<Kept> =>
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc
        .tuple(ruleOf(shared), fc.constantFrom("", "", " + forced"), fc.constantFrom(...withoutHeads(BOUNDS, shared)), fc.boolean())
        .map(([rule, top, bound, head]) => ({
          keep: `${rule}${top}${bound}${head && rows ? " over head" : ""}`,
          least: bound.includes("min"),
          levels: false,
        })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(ruleOf(shared), ruleOf(shared), fc.boolean())
        .map(([a, b, head]) => ({ keep: `levels(1: ${a}, 3: ${b})${head && rows ? " over head" : ""}`, least: false, levels: true })),
    },
  );

const MASKS = ["q - k < 5", "k < 3", "k % 4 == 1", "k / 8 == q / 8", "h == 0", "none", "all"];

/** Whether a unit is places of a layout. */
const placed = ({ kind, size }: { readonly kind: string; readonly size: number }): boolean => kind === "tile" && size > 0;

function forceOf({ columns, rows }: Units, place: Place, before: readonly string[], shared: boolean): Arbitrary<string> {
  const counted = [
    "first(2)",
    ...(columns.kind === "diag" ? ["current"] : ["current", ...(columns.kind === "tile" && place.causal ? [] : ["last(3)"])]),
    ...(rows === undefined || placed(columns) !== placed(rows) ? [] : ["local(2)"]),
  ];
  const terms = fc.constantFrom(
    ...counted,
    ...withoutHeads(MASKS, shared),
    ...before,
    ...before.map((name) => `${name} & q - k < 7`),
    ...place.terms,
  );
  return fc.array(terms, { minLength: 1, maxLength: 3 }).map((all) => [...new Set(all)].join(" | "));
}

interface Select {
  readonly text: string;
  /** The terms of a mask that it gives. */
  readonly terms: readonly string[];
}

function amongOf(before: readonly string[], shared: boolean): Arbitrary<string> {
  const read = before.flatMap((each) => [each, each, `!(${each})`, `${each} | k < 4`]);
  return fc.constantFrom(...withoutHeads(MASKS, shared), ...read);
}

const groups = fc.option(
  fc.tuple(fc.constantFrom("sum", "max", "mean"), fc.constantFrom("kvh", "kvh", "h")).map(([op, over]) => `${op} over ${over}`),
  { nil: undefined, freq: 3 },
);

/** A selection that may read those whose terms are `before`: only where heads do not share it, as each of these is by head. */
function selectOf(name: string, place: Place, before: readonly string[]): Arbitrary<Select> {
  return fc.tuple(unitsOf(place), groups).chain(([units, wanted]) => {
    const { rows, columns } = units;
    const ordered = columns.kind !== "cluster" && rows?.kind !== "cluster";
    const group = ordered || (rows?.kind !== "cluster" && wanted?.endsWith("kvh")) ? wanted : undefined;
    const shared = group !== undefined;
    const sizes = [rows?.size ?? 1, columns.size].map((size) => Math.max(1, size));
    const tiles = [2, 4, 6, 8, 12, 16].filter((size) => sizes.every((each) => size % each === 0));
    const snaps = ordered && columns.kind !== "tile" && rows?.kind !== "tile" && tiles.length > 0;
    const read = shared ? [] : before;
    const option = (clause: Arbitrary<string>, freq: number): Arbitrary<string | undefined> => fc.option(clause, { nil: undefined, freq });
    const none = fc.constant(undefined);
    return scoreOf(units).chain((score) =>
      fc
        .record({
          keep: keepOf(rows !== undefined, shared),
          force: ordered ? option(forceOf(units, place, read, shared), 2) : none,
          among: ordered ? option(amongOf(read, shared), 2) : none,
          snap: snaps
            ? option(
                fc.constantFrom(...tiles).map((size) => `block(${size})`),
                5,
              )
            : none,
        })
        .map(({ keep: { keep, least, levels }, ...clauses }): Select => {
          const lines = Object.entries({ ...clauses, group }).flatMap(([clause, text]) =>
            text === undefined ? [] : [`${clause} ${text}`],
          );
          const all = [`unit ${unitsText(units)}`, `score ${score}`, `keep ${keep}`, ...lines];
          return {
            text: `  select ${name} {\n${all.map((line) => `    ${line}`).join("\n")}\n  }`,
            terms: [name, ...(least ? [`${name}.min`] : []), ...(levels ? [`${name}.level(1)`, `${name}.level(3) & k % 2 == 0`] : [])],
          };
        }),
    );
  });
}

const FLAGS = [
  "sum(sum(q.last(3), over: q), over: dim) < 1.375",
  "js_distance(softmax(dot(mean(q), k)), softmax(dot(mean(q.last(2)), k))) < 0.31",
  "mean(dot(q, mean(k)), over: q) > 0.0625",
];

/** How terms are put together to a mask. */
function maskOf(terms: readonly string[]): Arbitrary<string> {
  const { mask } = fc.letrec<{ mask: string; term: string }>((tie) => ({
    term: fc.constantFrom(...terms),
    mask: fc.oneof(
      { maxDepth: 3, depthSize: "small" },
      tie("term"),
      fc.tuple(tie("mask"), tie("term")).map(([a, b]) => `(${a} | ${b})`),
      fc.tuple(tie("mask"), tie("term")).map(([a, b]) => `(${a} & ${b})`),
      tie("term").map((a) => `!(${a})`),
      fc.tuple(tie("mask"), tie("mask")).map(([a, b]) => `(${a} if trusted else ${b})`),
      fc.tuple(tie("mask"), tie("mask")).map(([a, b]) => `(${a} if h < 1 else ${b})`),
    ),
  }));
  return mask;
}

/** Whole programs that select: units of every kind in every space, layouts, choices among choices, levels, flags, `assign`. */
export const selectingProgram: Arbitrary<SelectingProgram> = fc
  .record({ place: fc.constantFrom(...PLACES), count: fc.constantFrom(1, 1, 2, 3) })
  .chain(({ place, count }) => {
    const grown = (i: number, before: readonly { readonly text: string; readonly terms: readonly string[] }[]): Arbitrary<typeof before> =>
      i === count
        ? fc.constant(before)
        : selectOf(
            `s${i}`,
            place,
            before.flatMap(({ terms }) => terms),
          ).chain((next) => grown(i + 1, [...before, next]));
    return grown(0, []).chain((selects) => {
      const chosen = selects.flatMap(({ terms }) => terms);
      const terms = [...chosen, ...chosen, "q - k < 3", "k < 2", "k % 3 == q % 3", ...place.terms];
      return fc
        .record({
          masks: fc.tuple(maskOf(terms), maskOf(terms)),
          assign: fc.constantFrom("", "", "h == 0", "layer == 1", "trusted"),
          flag: fc.constantFrom(...FLAGS),
          lengths: fc.tuple(fc.integer({ min: 4, max: 41 }), fc.integer({ min: 1, max: 41 })),
          whole: fc.boolean(),
          headCounts: fc.constantFrom<readonly [number, number]>([4, 2], [3, 1], [2, 2]),
          layer: fc.nat(1),
          exact: fc.boolean(),
          seed: fc.nat(),
        })
        .map(({ masks: [first, second], assign, flag, lengths: [a, b], whole, headCounts: [heads, kvHeads], layer, exact, seed }) => {
          const attend = assign === "" ? `  attend ${first}` : `  assign {\n    when ${assign} -> ${first}\n    else -> ${second}\n  }`;
          const body = [
            `  space ${place.space}`,
            ...(place.layout === "" ? [] : [`  layout ${place.layout}`]),
            "  probe p = softmax(dot(q.last(7), k) * scale)",
            `  let trusted = ${flag}`,
            ...selects.map(({ text }) => text),
            attend,
          ].join("\n");
          const N = place.N ?? Math.max(a, place.space.includes("cross") ? 0 : b);
          const NQ = whole && !place.space.includes("cross") ? N : Math.min(b, place.space.includes("cross") ? b : N);
          return {
            ...{ text: `attention a(n = 2) {\n${body}\n}\n`, N, NQ, heads, kvHeads, layer, step: 0 },
            ...{ exact, seed },
          };
        });
    });
  });
