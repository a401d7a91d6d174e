import fc from "fast-check";

/**
 * Random programs as text, well typed, over the expressions of the language. Each has the runtime
 * parameters `w` and `g`, a table `alpha` with a column for each kv head, and an input of each kind.
 */

type Text = fc.Arbitrary<string>;

const literal: Text = fc.integer({ min: 0, max: 20 }).map(String);
const uniform: Text = fc.constantFrom("h", "kvh", "layer", "step", "N", "NQ", "w", "g", "n");
const positions: Text = fc.constantFrom("q", "k", "(q - k)", "q.y", "k.x", "doc[k]", "doc[q - 1]");
/** At least 1, whatever the launch. */
const divisor: Text = fc.oneof(
  fc.integer({ min: 1, max: 9 }).map(String),
  fc.constantFrom("g", "N", "layers", "max(w, 1)", "(h + 1)", "max(1, floor(alpha * 4))"),
);

/** An integer; `pair` says whether it may differ from pair to pair. */
export function intText(depth: number, pair = true): Text {
  const leaf = pair ? fc.oneof(positions, uniform, literal) : fc.oneof(uniform, literal);
  if (depth === 0) return leaf;
  const a = intText(depth - 1, pair);
  const plain = (text: string): string => `(0 + ${text} * 1)`;
  return fc.oneof(
    leaf,
    fc.tuple(a, fc.constantFrom("+", "-"), a).map(([x, op, y]) => `(${x} ${op} ${y})`),
    fc
      .tuple(a, fc.constantFrom("/", "%"), divisor)
      .map(([x, op, y]) => `${x} ${op} ${y}`)
      .map((text) => `(${text})`),
    fc
      .tuple(a, fc.integer({ min: -3, max: 3 }))
      .map(([x, c]) => `${plain(x)} * (${c})`)
      .map((text) => `(${text})`),
    fc.tuple(fc.constantFrom("min", "max"), a, a).map(([f, x, y]) => `${f}(${plain(x)}, ${y})`),
    a.map((x) => `abs(${x})`),
    a.map((x) => `(-${x})`),
    fc.tuple(a, divisor).map(([x, y]) => `round_up(${x}, ${y})`),
    fc.tuple(a, literal).map(([x, y]) => `clamp(${x}, -3, ${y})`),
    fc.tuple(boolText(depth - 1, pair), a, a).map(([c, x, y]) => `(${plain(x)} if ${c} else ${y})`),
    ...(pair ? [] : [fc.tuple(fc.constantFrom("floor", "ceil"), floatText(depth - 1)).map(([f, x]) => `${f}(${x})`)]),
  );
}

/** A float: the same for all pairs of a head. */
function floatText(depth: number): Text {
  const leaf = fc.constantFrom("alpha", "0.5", "2.25", "0.125 * N", "quantile(alpha, 0.4)", "alpha[layer, 1]", "share");
  if (depth === 0) return leaf;
  const a = floatText(depth - 1);
  return fc.oneof(
    leaf,
    fc.tuple(a, fc.constantFrom("+", "-", "*"), fc.oneof(a, intText(depth - 1, false))).map(([x, op, y]) => `(${x} ${op} ${y})`),
    fc.tuple(fc.constantFrom("min", "max"), a, a).map(([f, x, y]) => `${f}(${x}, ${y})`),
    fc.tuple(fc.constantFrom("tanh", "abs"), a).map(([f, x]) => `${f}(${x})`),
    fc.tuple(boolText(depth - 1, false), a, a).map(([c, x, y]) => `(${x} if ${c} else ${y})`),
  );
}

const comparison = fc.constantFrom("<", "<=", ">", ">=", "==", "!=");

/** A boolean; `pair` as for {@link intText}. */
export function boolText(depth: number, pair = true): Text {
  const plain = (text: string): string => `0 + ${text} * 1`;
  const inner = Math.max(0, depth - 1);
  const compare = fc.tuple(intText(inner, pair), comparison, intText(inner, pair)).map(([x, op, y]) => `(${plain(x)} ${op} ${plain(y)})`);
  const withFloat = fc.tuple(intText(inner, pair), comparison, floatText(inner)).map(([x, op, y]) => `(${plain(x)} ${op} ${y})`);
  const listed = intText(inner, pair).map((x) => `(${plain(x)} in [0, 2, 5])`);
  const terms = fc.oneof(
    fc.constantFrom(
      "bits_in",
      "blocks_in",
      "cols",
      "diags",
      "bits_in[q, k]",
      "current",
      "all",
      "none",
      "wide",
      "text",
      "(q in text)",
      "(k in grid)",
    ),
    fc.tuple(fc.constantFrom("first", "last", "local"), intText(inner, false)).map(([f, n]) => `${f}(${n})`),
    fc
      .tuple(fc.constantFrom("y", "x"), fc.integer({ min: 1, max: 3 }), fc.boolean())
      .map(([axis, window, causal]) => `near(${axis}, window: ${window}, stride: ${Math.min(window, 2)}, causal: ${causal})`),
    intText(inner).map((x) => `pow2(${x})`),
    fc.tuple(intText(inner, false), fc.oneof(floatText(inner), intText(inner, false))).map(([x, y]) => `piece(size: ${x}, part: ${y})`),
  );
  const leaves = pair ? [compare, compare, withFloat, listed, terms] : [compare, withFloat, listed];
  if (depth === 0) return fc.oneof(...leaves);
  const a = boolText(depth - 1, pair);
  return fc.oneof(
    ...leaves,
    fc.tuple(a, fc.constantFrom("&", "|"), a).map(([x, op, y]) => `(${x} ${op} ${y})`),
    a.map((x) => `!${x}`),
    fc.tuple(a, boolText(depth - 1, false), a).map(([x, c, y]) => `(${x} if ${c} else ${y})`),
    fc.tuple(a, fc.constantFrom("==", "!="), a).map(([x, op, y]) => `(${x} ${op} ${y})`),
  );
}

/** A whole program; the attention is called `a`. */
export const program: Text = fc
  .tuple(boolText(2), boolText(1, false), boolText(1), fc.boolean(), fc.constantFrom("full", "causal"))
  .map(([mask, when, other, assign, causality]) => {
    const body = assign ? `assign {\n    when ${when} -> ${other}\n    else -> ${mask}\n  }` : `attend ${mask}`;
    return `pattern piece(size = 3, part = 0.5) {
  let d = q - k
  attend d < size & k >= part / 2
}

attention a(w: runtime = 4, g: runtime = 2, n = 5, share = 0.75, wide = true) {
  space  grid(y: 3, x: 4) + text(2) ${causality}
  input  doc : ids
  input  bits_in : bits(q, k)
  input  blocks_in : blocks(4, 2)
  input  cols : columns
  input  diags : diagonals
  table  alpha = tsv("alpha.tsv")
  ${body}
}
`;
  });

/** The table of {@link program}: two layers, two kv heads. */
export const tableText = "0.5\t-1.25\n3\t0.0625\n";
