import { expect, test } from "vitest";
import { oracleFacts, OracleError } from "../../compiler/oracle/oracle.js";
import { bodyOf, maskOf, picture, programOf, row } from "./programs.js";

const full = (expr: string): string => bodyOf(`space seq full\nattend ${expr}`);
const causal = (expr: string): string => bodyOf(`space seq causal\nattend ${expr}`);

test("causality is part of the mask, and positions are those of the whole sequence", () => {
  expect(picture(maskOf(causal("all"), { N: 3 }), 3)).toEqual(["#..", "##.", "###"]);
  expect(picture(maskOf(causal("q - k < 2"), { N: 4, NQ: 2 }), 4, 2)).toEqual([".##.", "..##"]);
  expect(picture(maskOf(full("none"), { N: 2 }), 2)).toEqual(["..", ".."]);
  const cross = maskOf(bodyOf("space seq cross\nattend q == k"), { N: 3, NQ: 2 });
  expect([row(cross, 3, 0), row(cross, 3, 1)]).toEqual([[0], [1]]);
});

test("mask terms", () => {
  const seen = (expr: string, q = 3): number[] => row(maskOf(full(expr), { N: 7 }), 7, q);
  expect(seen("first(2)")).toEqual([0, 1]);
  expect(seen("last(2)")).toEqual([5, 6]);
  expect(seen("local(2)")).toEqual([2, 3, 4]);
  expect(seen("current")).toEqual([3]);
  expect(seen("pow2(q - k)", 6)).toEqual([2, 4, 5]);
  expect(row(maskOf(causal("local(2)"), { N: 7 }), 7, 3)).toEqual([2, 3]);
});

test("integers divide down and their remainders are never negative", () => {
  const seen = (expr: string, q: number): number[] => row(maskOf(full(expr), { N: 8 }), 8, q);
  expect(seen("(k - 5) / 3 == -1", 0)).toEqual([2, 3, 4]);
  expect(seen("(k - 5) % 3 == 0", 0)).toEqual([2, 5]);
  expect(seen("-k / 2 == -2", 0)).toEqual([3, 4]);
  expect(seen("abs(k - q) == 2", 4)).toEqual([2, 6]);
  expect(seen("min(k, 3, q) == 2", 2)).toEqual([2, 3, 4, 5, 6, 7]);
  expect(seen("clamp(k, 2, 4) == 4", 0)).toEqual([4, 5, 6, 7]);
  expect(seen("round_up(k, 4) == 4", 0)).toEqual([1, 2, 3, 4]);
});

test("floats are reals: quotients keep their fraction, and whole numbers compare with them exactly", () => {
  const seen = (expr: string): number[] => row(maskOf(full(expr), { N: 8 }), 8, 0);
  expect(seen("k < N / 3")).toEqual([0, 1]);
  expect(seen("k < N / 3.0")).toEqual([0, 1, 2]);
  expect(seen("k <= 2.5")).toEqual([0, 1, 2]);
  expect(seen("k < floor(3.5)")).toEqual([0, 1, 2]);
  expect(seen("k < ceil(3.5)")).toEqual([0, 1, 2, 3]);
  expect(seen("k < log(N)")).toEqual([0, 1, 2]);
  expect(seen("k < 3 if N > 4 else k < 1")).toEqual([0, 1, 2]);
});

test("a whole number for a float parameter is a float", () => {
  const text = bodyOf("space seq full\nattend k < share / 2", "(share = 4.0)");
  expect(row(maskOf(text, { N: 8, params: { share: 5 } }), 8, 0)).toEqual([0, 1, 2]);
  const pattern = `pattern p(share = 4.0) { attend k < share / 2 }\n${full("p(share: 5)")}`;
  expect(row(maskOf(pattern, { N: 8 }), 8, 0)).toEqual([0, 1, 2]);
});

test("parameters, lets and patterns", () => {
  const text = `pattern near_by(w = 2, more = w + 1) {\n let d = q - k\n attend d >= 0 & d < more\n}\n`;
  const of = (expr: string): number[] => row(maskOf(text + full(expr), { N: 8 }), 8, 5);
  expect(of("near_by")).toEqual([3, 4, 5]);
  expect(of("near_by(3)")).toEqual([2, 3, 4, 5]);
  expect(of("near_by(more: 1)")).toEqual([5]);
  expect(of("near_by(w: N / 4) | first(1)")).toEqual([0, 3, 4, 5]);
});

test("the names of a body do not reach into the patterns it uses", () => {
  const text = `pattern p { attend k < w }\n${bodyOf("space seq full\nlet w = 3\nattend p | k == w")}`;
  expect(() => maskOf(text, { N: 4 })).toThrow(OracleError);
});

test("imports: from std, from files, and what those import", () => {
  const files = {
    "lib/one.attn": 'import { two } from "./two.attn"\npattern one(w = 1) { attend two(w: w) | k == 7 }',
    "lib/two.attn": "pattern two(w = 5) { attend q - k < w & k <= q }",
  };
  const text = `import { a_shape } from "std"\nimport { one } from "./lib/one.attn"\n${full("one(w: 2) | k <= q & a_shape(sink: 1, window: 1)")}`;
  expect(row(maskOf(text, { N: 9 }, files), 9, 5)).toEqual([0, 4, 5, 7]);
  expect(() => programOf('import { nothing } from "std"')).toThrow(OracleError);
  expect(() => programOf('import { one } from "./none.attn"')).toThrow(OracleError);
});

test("segments stand behind the grid, and near sees nothing of them", () => {
  const body = "space grid(y: 2, x: 3) + text(2) + tail(1)\n";
  const seen = (expr: string, q: number): number[] => row(maskOf(bodyOf(`${body}attend ${expr}`), { N: 9 }), 9, q);
  expect(seen("text", 0)).toEqual([6, 7]);
  expect(seen("text", 6)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(seen("q in text & k in tail", 7)).toEqual([8]);
  expect(seen("k in grid", 0)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(seen("near(x, window: 1)", 1)).toEqual([1, 4]);
  expect(seen("near(x, window: 3)", 7)).toEqual([]);
  expect(seen("k in grid & k.y == 1 & k.x != q.x", 1)).toEqual([3, 5]);
  const seq = maskOf(bodyOf("space seq + text(2) full\nattend q in seq & text"), { N: 5 });
  expect([row(seq, 5, 2), row(seq, 5, 3)]).toEqual([[3, 4], []]);
});

test("tables: rows are layers, columns heads or kv heads by how many there are", () => {
  const files = { "t.tsv": "a\tb\n# a remark\n1\t2\n3\t4\n", "one.csv": "5", "j.json": '{"x": [1, 2, 3, 4], "y": [[2], [3]]}' };
  const of = (clause: string, expr: string, launch: object, h: number): number[] =>
    row(maskOf(bodyOf(`space seq full\n${clause}\nattend k < ${expr}`), { N: 9, heads: 4, kvHeads: 2, ...launch }, files), 9, 0, h);
  expect(of('table w = tsv("t.tsv")', "w", { layer: 0 }, 0).length).toBe(1);
  expect(of('table w = tsv("t.tsv")', "w", { layer: 0 }, 1).length).toBe(1);
  expect(of('table w = tsv("t.tsv")', "w", { layer: 1 }, 2).length).toBe(4);
  expect(of('table w = tsv("t.tsv")', "w[0, kvh]", { layer: 1 }, 3).length).toBe(2);
  expect(of('table w = csv("one.csv")', "w", {}, 3).length).toBe(5);
  expect(of('table x, y = json("j.json")', "x + y", { layer: 1 }, 3).length).toBe(7);
  expect(of('table w = tsv("t.tsv")', "quantile(w, 0.5)", { layer: 0 }, 0).length).toBe(3); // 2.5
  expect(of('table w = tsv("t.tsv")', "w / 2", { layer: 1 }, 0).length).toBe(2); // 1.5
  expect(() => of('table w = tsv("t.tsv")', "w", { layer: 2 }, 0)).toThrow(OracleError);
});

test("a table names the pattern of each head", () => {
  const files = { "p.json": '[["sinks", ["window", 2], {"pattern": "window", "args": {"w": 3}}]]' };
  const text = `pattern sinks(n = 1) { attend k < n }\npattern window(w = 9) { attend q - k < w }\n${bodyOf(
    'space seq causal\ntable best = json("p.json")\nassign best { sinks, window }',
  )}`;
  const mask = maskOf(text, { N: 6, heads: 3, kvHeads: 3 }, files);
  expect([0, 1, 2].map((h) => row(mask, 6, 5, h))).toEqual([[0], [4, 5], [3, 4, 5]]);
});

test("assign: the first condition that holds decides", () => {
  const text = bodyOf(
    "space seq full\nassign {\n when layer == 0 -> k == 0\n when kvh == 1 -> k == 1\n when h > 0 -> k == 2\n else -> k == 3\n}",
  );
  const at = (h: number, layer: number): number[] => row(maskOf(text, { N: 4, heads: 4, kvHeads: 2, layer, layers: 2 }), 4, 0, h);
  expect([at(3, 0), at(3, 1), at(1, 1), at(0, 1)]).toEqual([[0], [1], [2], [3]]);
});

test("phases", () => {
  const text = bodyOf(
    "space seq full\nassign prefill {\n when h == 0 -> k == 0\n else -> k == 1\n}\nassign decode {\n when h == 0 -> k == 2\n else -> k == 3\n}",
  );
  expect(row(maskOf(text, { N: 4, phase: "decode" }), 4, 0)).toEqual([2]);
  expect(row(maskOf(text, { N: 4, phase: "prefill" }), 4, 0)).toEqual([0]);
  const named = bodyOf("space seq full\nphase prefill, decode\nattend k < (1 if phase == decode else 2)");
  expect(row(maskOf(named, { N: 4, phase: "decode" }), 4, 0)).toEqual([0]);
});

test("inputs by batch entry and head", () => {
  const inputs = {
    doc: { kind: "ids", shape: [2, 3], data: [0, 0, 1, 5, 6, 6] },
    map: { kind: "bits", shape: [1, 2, 3, 3], data: [1, 1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0] },
  } as const;
  const text = bodyOf("space seq full\ninput doc : ids\ninput map : bits(q, k)\nattend doc[q] == doc[k] & map");
  const mask = maskOf(text, { N: 3, heads: 4, kvHeads: 2, inputs });
  expect(row(mask, 3, 0, 0, 0)).toEqual([0, 1]);
  expect(row(mask, 3, 0, 0, 1)).toEqual([0]);
  expect(row(mask, 3, 1, 2, 1)).toEqual([1, 2]);
  expect(row(mask, 3, 1, 1, 1)).toEqual([]);
  const explicit = bodyOf("space seq full\ninput map : bits(q, k)\nattend map[k, q]");
  expect(row(maskOf(explicit, { N: 3, heads: 4, kvHeads: 2, inputs }), 3, 2, 0)).toEqual([0, 2]);
});

test("an indexed row of bits is named by the position of its query", () => {
  const inputs = { map: { kind: "bits", shape: [1, 1, 2, 4], data: [1, 0, 0, 0, 0, 1, 0, 0] } } as const;
  const text = bodyOf("space seq full\ninput map : bits(q, k)\nattend map[q, k] | map[q - 1, k]");
  const mask = maskOf(text, { N: 4, NQ: 2, inputs });
  expect([row(mask, 4, 2), row(mask, 4, 3)]).toEqual([[0], [0, 1]]);
});

test("a condition on the batch entry", () => {
  const mask = maskOf(full("k == b"), { N: 3 });
  expect([row(mask, 3, 0, 0, 0), row(mask, 3, 0, 0, 2)]).toEqual([[0], [2]]);
});

test("facts of a declaration", () => {
  const program = programOf(
    bodyOf(
      "space grid(y: h2 * 2, x: ?) + text(3) causal\nshape heads: 8, dim: 2 * h2, dtype: f16\ninput doc : ids\ninput map : blocks(h2, 8)\nattend all",
      "(h2 = 4)",
    ),
  );
  expect(oracleFacts(program, "a", { x: 5 })).toMatchObject({
    length: 43,
    shape: { heads: 8, dim: 8 },
    inputs: [
      { name: "doc", kind: "ids", axis: "k" },
      { name: "map", kind: "blocks", sizes: [4, 8] },
    ],
    space: {
      kind: "self",
      causal: true,
      baseLength: 40,
      axes: [
        { name: "y", extent: 8 },
        { name: "x", extent: 5 },
      ],
    },
  });
  expect(() => oracleFacts(program, "a")).toThrow(/extent x/);
});
