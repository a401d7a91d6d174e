import fc, { type Arbitrary } from "fast-check";

/** A program with one attention `a`, and the launch it is for. */
export interface RandomProgram {
  readonly text: string;
  readonly N: number;
  readonly NQ: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly layer: number;
  readonly run: number;
  readonly seed: number;
}

export const tables = { "t.tsv": "1.5\t-2\n0.25\t3\n", "n.json": '{"few": [2, 5], "more": [[0.5], [4]]}' };

const small = fc.integer({ min: 0, max: 9 }).map(String);
const positive = fc.integer({ min: 1, max: 7 }).map(String);
const parens = (parts: Arbitrary<string>[], make: (...parts: string[]) => string): Arbitrary<string> =>
  fc.tuple(...parts).map((all) => `(${make(...all)})`);

interface Grammar {
  readonly int: string;
  readonly uniform: string;
  readonly float: string;
  readonly bool: string;
  readonly head: string;
}

/** Expressions of the mask language as text. `uniform` is an integer that is the same for a head; `head` a condition on it. */
function expressions(grid: boolean): { [K in keyof Grammar]: Arbitrary<string> } {
  return fc.letrec<Grammar>((tie) => {
    const [int, uniform, float, bool, head] = (["int", "uniform", "float", "bool", "head"] as const).map((name) => tie(name)) as [
      Arbitrary<string>,
      Arbitrary<string>,
      Arbitrary<string>,
      Arbitrary<string>,
      Arbitrary<string>,
    ];
    const coordinates = grid ? ["q.y", "k.y", "q.x", "k.x", "(q.y - k.y)", "(k.x - q.x)"] : ["(q - k)"];
    const arithmetic = (of: Arbitrary<string>): Arbitrary<string>[] => [
      parens([of, of], (a, b) => `${a} + ${b}`),
      parens([of, of], (a, b) => `${a} - ${b}`),
      parens([of, positive], (a, b) => `${a} / ${b}`),
      parens([of, positive], (a, b) => `${a} % ${b}`),
      parens([of, small], (a, b) => `${a} * ${b}`),
      parens([of], (a) => `-${a}`),
      fc.tuple(of, of).map(([a, b]) => `min(${a}, ${b})`),
      fc.tuple(of, of, of).map(([a, b, c]) => `max(${a}, ${b}, ${c})`),
      of.map((a) => `abs(${a})`),
      fc.tuple(of, small).map(([a, b]) => `clamp(${a}, -${b}, ${b})`),
      fc.tuple(of, positive).map(([a, b]) => `round_up(${a}, ${b})`),
    ];
    const ints: Arbitrary<string>[] = [
      fc.constantFrom("q", "k", "q", "k", "doc[q]", "doc[k]", "doc[q - 1]", "w", "run", "N", ...coordinates),
      small,
      uniform,
      ...arithmetic(int),
      parens([int, bool, int], (a, c, b) => `${a} if ${c} else ${b}`),
    ];
    const bools: Arbitrary<string>[] = [
      parens([int, fc.constantFrom("<", "<=", ">", ">=", "==", "!="), int], (a, op, b) => `${a} ${op} ${b}`),
      parens([int, fc.constantFrom("<", "<=", ">", ">="), float], (a, op, b) => `${a} ${op} ${b}`),
      parens([float, fc.constantFrom("<", ">=", "==", "!="), int], (a, op, b) => `${a} ${op} ${b}`),
      parens([bool, bool], (a, b) => `${a} & ${b}`),
      parens([bool, bool], (a, b) => `${a} | ${b}`),
      bool.map((a) => `!${a}`),
      parens([bool, bool, bool], (a, c, b) => `${a} if ${c} else ${b}`),
      int.map((a) => `pow2(${a})`),
      fc.tuple(fc.constantFrom("first", "last", "local"), uniform).map(([term, n]) => `${term}(${n})`),
      fc.constantFrom(
        "current",
        "map",
        "map[q, k]",
        "cols",
        "diags",
        "blk",
        "lists",
        "all",
        "none",
        "(doc[q] == doc[k])",
        "piece",
        "piece(w)",
      ),
      fc.tuple(uniform, small).map(([n, m]) => `piece(n: ${n}, m: ${m})`),
      head,
    ];
    if (grid) {
      bools.push(
        fc.constantFrom("text", "(q in text)", "(k in text)", "(k in grid)"),
        fc
          .tuple(fc.constantFrom(["y", 4], ["x", 5]), fc.nat(3), fc.nat(3), fc.nat(1), fc.boolean())
          .map(([[axis, extent], more, shift, dilated, causal]) => {
            const dilation = 1 + dilated;
            const window = Math.min(1 + more, Math.floor((extent as number) / dilation));
            return `near(${axis}, window: ${window}, stride: ${1 + (shift % window)}, dilation: ${dilation}, causal: ${causal})`;
          }),
      );
    }
    return {
      int: fc.oneof({ maxDepth: 4, depthSize: "small" }, ...ints),
      uniform: fc.oneof(
        { maxDepth: 2, depthSize: "small" },
        fc.constantFrom("w", "run", "N", "h * 1", "kvh * 2", "layer * 1", "NQ"),
        small,
        parens([uniform, uniform], (a, b) => `${a} - ${b}`),
        parens([uniform, positive], (a, b) => `${a} / ${b}`),
        float.map((a) => `floor(${a})`),
        float.map((a) => `ceil(${a})`),
        fc.tuple(float, positive).map(([a, b]) => `round_up(${a}, ${b})`),
      ),
      float: fc.oneof(
        { maxDepth: 2, depthSize: "small" },
        fc.constantFrom(
          "alpha",
          "few",
          "more[layer, 0]",
          "2.5",
          "N / 4.0",
          "f",
          "log(N)",
          "alpha * N",
          "quantile(alpha, 0.3)",
          "run / 2.0",
          "-1.75",
        ),
        parens([float, uniform], (a, b) => `${a} + ${b}`),
        parens([float, float], (a, b) => `${a} - ${b}`),
        fc.tuple(float, float).map(([a, b]) => `min(${a}, ${b})`),
        fc.tuple(float, uniform).map(([a, b]) => `max(${a}, ${b})`),
        parens([float, head, uniform], (a, c, b) => `${a} if ${c} else ${b}`),
      ),
      bool: fc.oneof({ maxDepth: 4, depthSize: "small" }, ...bools),
      head: fc.oneof(
        { maxDepth: 2, depthSize: "small" },
        fc.constantFrom(
          "(h == 1)",
          "(kvh == 0)",
          "(layer in [0, 5])",
          "(alpha > 1)",
          "(alpha >= quantile(alpha, 0.5))",
          "(N > 12)",
          "(run < 3)",
          "(few == 2)",
        ),
        parens([float, uniform], (a, b) => `${a} < ${b}`),
        parens([head, head], (a, b) => `${a} | ${b}`),
      ),
    };
  });
}

const header = `  input  doc : ids
  input  map : bits(q, k)
  input  cols : columns
  input  diags : diagonals
  input  blk : blocks(4, 3)
  input  lists : csr(3, 5)
  table  alpha = tsv("t.tsv")
  table  few, more = json("n.json")
`;

export const randomProgram: Arbitrary<RandomProgram> = fc.boolean().chain((grid) => {
  const { int, bool, head } = expressions(grid);
  const { bool: plain } = expressions(false);
  const space = grid ? "grid(y: 4, x: 5) + text(3)" : "seq";
  return fc
    .record({
      causality: fc.constantFrom("causal", "full"),
      body: fc.oneof(
        fc.tuple(int, bool).map(([value, expr]) => `  let v = ${value}\n  attend v < w | ${expr}\n`),
        bool.map((expr) => `  attend ${expr}\n`),
        fc.tuple(head, bool, bool).map(([when, a, b]) => `  assign {\n    when ${when} -> ${a}\n    else -> ${b}\n  }\n`),
      ),
      // A pattern sees no inputs and tables of its user.
      piece: plain.filter((text) => !/doc|map|cols|diags|blk|lists|alpha|few|more|piece|run|\bw\b|\bf\b/.test(text)),
      N: grid ? fc.constant(23) : fc.integer({ min: 1, max: 20 }),
      part: fc.integer({ min: 1, max: 3 }),
      layer: fc.nat(1),
      run: fc.integer({ min: 1, max: 6 }),
      seed: fc.nat(1000),
    })
    .map(({ causality, body, piece, N, part, ...rest }) => ({
      text: `pattern piece(n = 3, m = 2) {\n  attend k < n | q - k < m & ${piece}\n}\n\nattention a(w = 3, f = 1.5, run: runtime = 2) {\n  space  ${space} ${causality}\n${header}${body}}\n`,
      N,
      NQ: Math.ceil(N / part),
      heads: 4,
      kvHeads: 2,
      ...rest,
    }));
});
