import fc from "fast-check";

/**
 * Random programs with selections, as texts. Most of them compile; in the others something does not fit, which has to be said and
 * must not throw.
 */

const size = fc.constantFrom("2", "4", "8", "3");
const unitSize = fc.constantFrom("4", "8", "n");

interface Shape {
  readonly rows: boolean;
  readonly columns: "keys" | "offsets" | "none";
  readonly dim: boolean;
  /** In the units of the selection, or of single queries and keys. */
  readonly grain: "unit" | "token";
}

type Text = fc.Arbitrary<string>;

/** Texts of tensors with these axes, to a depth. */
function tensor(shape: Shape, depth: number): Text {
  const leaf = fc.constantFrom(...leavesOf(shape));
  if (depth <= 0) return leaf;
  const inner = (changed: Partial<Shape>): Text => tensor({ ...shape, ...changed }, depth - 1);
  const number = tensor({ ...shape, rows: false, columns: "none", dim: false }, 0);
  const options: Text[] = [
    leaf,
    fc.tuple(inner({}), inner({})).map(([a, b]) => `${a} + ${b}`),
    fc.tuple(inner({}), number).map(([a, b]) => `max(0.5 * ${a}, ${b})`),
    fc.tuple(inner({}), fc.constantFrom("scale", "0.5", "h", "n")).map(([a, b]) => `${a} * ${b}`),
    inner({}).map((a) => `exp(${a})`),
    fc.tuple(inner({}), inner({})).map(([a, b]) => `(${a} if ${a} < ${b} else ${b})`),
  ];
  const { rows, columns, dim, grain } = shape;
  if (!dim && columns !== "offsets") options.push(inner({ dim: true }).map((a) => `sum(${a}, over: dim)`));
  if (columns === "keys" && !dim) {
    options.push(
      inner({}).map((a) => `softmax(${a})`),
      fc.tuple(inner({}), size).map(([a, n]) => `avg_pool(${a}, ${n})`),
    );
    const sides = fc.tuple(inner({ columns: "none", dim: true }), inner({ rows: false, dim: true }));
    if (rows) options.push(sides.map(([a, b]) => `dot(${a}, ${b})`));
  }
  if (!rows && columns !== "offsets") options.push(inner({ rows: true }).map((a) => `mean(${a}, over: q)`));
  if (columns === "none") options.push(inner({ columns: "keys" }).map((a) => `max(${a}, over: k)`));
  if (columns === "offsets") options.push(inner({ rows: true, columns: "keys", grain: "token" }).map((a) => `sum(${a}, over: diag)`));
  if (grain === "unit" && rows !== (columns === "keys") && columns !== "offsets")
    options.push(inner({ grain: "token" }).map((a) => `mean(${a})`));
  if (rows && columns === "keys") {
    options.push(
      inner({ grain: "token" }).map((a) => (grain === "unit" ? `max(${a})` : `first(${a}, 1, over: k)`)),
      fc.tuple(inner({ grain: "token" }), size).map(([a, n]) => `sum(${a}, ${n}, over: q)`),
    );
  }
  return fc.oneof(...options);
}

/** Tensors that have these axes, all of them. */
function leavesOf({ rows, columns, dim, grain }: Shape): readonly string[] {
  const unit = grain === "unit";
  if (columns === "offsets") return ["sum(p, over: diag)", "mean(given, over: diag)"];
  if (dim && rows && columns === "keys") return unit ? ["mean(q) * max(k)"] : ["q * k", "q * ck"];
  if (dim && rows) return [unit ? "mean(q)" : "q"];
  if (dim && columns === "keys") return unit ? ["mean(k)", "min(k)", "first(k)"] : ["k", "ck"];
  if (dim) return ["c", "mean(q.last(8))"];
  if (rows && columns === "keys") return unit ? ["size(q) * size(k)", "dot(mean(q), mean(k))"] : ["given", "p"];
  if (rows) return [unit ? "start(q)" : "sum(q, over: dim)"];
  if (columns === "keys") return [unit ? "size(k)" : "sum(k, over: dim)"];
  return ["0.25", "N", "-h"];
}

const amount = fc.constantFrom("2", "n", "h + 1", "N / 8", "kvh", "0");
const rule = fc.oneof(
  amount.map((n) => `top(${n})`),
  fc.constantFrom("top_p(0.5)", "threshold(0.1)", "fraction(0.25)", "top_p(h / 8.0)", "threshold(alpha)"),
);
const optional = (text: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.oneof(fc.constant(""), text);
const keep = fc
  .tuple(
    rule,
    fc.constantFrom("", " + forced"),
    optional(amount.map((n) => ` min ${n}`)),
    optional(amount.map((n) => ` max ${n}`)),
    fc.constantFrom("", " over head"),
  )
  .map((parts) => `keep ${parts.join("")}`);
const force = (rows: boolean, distances: boolean, earlier?: string): fc.Arbitrary<string> => {
  const terms = ["first(1)", "current", ...(distances ? [] : ["last(2)", "q - k < 5", "k == 3"]), ...(rows ? ["local(2)"] : [])];
  if (earlier !== undefined) terms.push(earlier, `${earlier} & k % 2 == 0`);
  return fc
    .uniqueArray(fc.constantFrom(...terms), { minLength: 1, maxLength: 2 })
    .map((chosen) => `force ${chosen.map((term) => `(${term})`).join(" | ")}`);
};
const reuse = fc.constantFrom("reuse every 4 steps", "at layer in [1, 3]; reuse later layers");
const group = fc.constantFrom("group sum over kvh", "group max over h", "group mean over kvh");

/** What a selection is made among, where there is an earlier one. */
const among = (earlier: string): fc.Arbitrary<string> =>
  fc
    .constantFrom(earlier, `!${earlier} & q - k < 30`, `${earlier} | local(n)`, "k % 3 == 0", `${earlier} if h < 2 else all`)
    .map((mask) => `among ${mask}`);

function select(name: string, earlier?: string): fc.Arbitrary<string> {
  return fc.tuple(fc.boolean(), fc.boolean(), unitSize, unitSize).chain(([distances, own, n, m]) => {
    const rows = own && !distances;
    const unit = distances ? `diag: block(${m})` : `${rows ? `q: block(${n}), ` : ""}k: block(${m})`;
    const score = tensor({ rows, columns: distances ? "offsets" : "keys", dim: false, grain: "unit" }, 3);
    const others = fc.tuple(
      optional(group),
      optional(force(rows, distances, earlier)),
      optional(reuse),
      optional(fc.constant("snap block(8)")),
      earlier === undefined ? fc.constant("") : optional(among(earlier)),
    );
    return fc
      .tuple(score, keep, others)
      .map(
        ([text, kept, more]) =>
          `select ${name} { ${[`unit ${unit}`, `score ${text}`, kept, ...more.filter((each) => each !== "")].join("; ")} }`,
      );
  });
}

const space = fc.constantFrom("seq causal", "seq causal", "seq full", "seq cross", "grid(y: 8, x: 8) causal");
const flag = tensor({ rows: false, columns: "none", dim: false, grain: "token" }, 3).map((text) => `let few = ${text} < 0.5`);
const attend = fc.constantFrom(
  "attend a | b",
  "attend a if few else b | local(2)",
  "attend a & !b | current",
  "assign {\n    when h < 2 -> a\n    when few -> all\n    else -> b | local(3)\n  }",
);

export const selectionProgram: fc.Arbitrary<string> = fc
  // A tensor does not read itself.
  .tuple(
    space,
    tensor({ rows: true, columns: "keys", dim: false, grain: "token" }, 2).map((text) => text.replace(/\bp\b/g, "given")),
    flag,
    select("a"),
    select("b", "a"),
    attend,
  )
  .map(
    ([spaceText, probe, flagText, a, b, attended]) => `attention random(n = 4) {
  space ${spaceText}
  shape heads: 4, kv_heads: 2, dim: 8
  input given : scores(1, 1)
  input c : channels
  input w : weights
  input ck : pooled(1, 1)
  table alpha = tsv("alpha.tsv")
  probe p = ${probe}
  ${flagText}
  ${a}
  ${b}
  ${attended}
}
`,
  );

/** The table that programs read. */
export const selectionFiles = { "alpha.tsv": "0.1\t0.2\n" };
