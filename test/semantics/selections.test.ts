import { expect, test } from "vitest";
import { attention, compile, problems as placed } from "./compile.js";

/** Codes with the texts that they are at. */
const problems = (text: string): readonly string[] => placed(text).map((problem) => problem.replace(/ \d+:\d+/, ""));

const within = (score: string, unit = "q: block(64), k: block(64)"): readonly string[] =>
  problems(
    attention(
      `probe p = softmax(dot(q.last(64), k) * scale)\nselect c { unit ${unit}; score ${score}; keep top(8); force current }\nattend c & all`,
    ),
  ).filter((each) => !each.startsWith("ATTN2004"));
const clauses = (text: string, space = "seq causal"): readonly string[] => problems(attention(text, { space }));
const body = (text: string): readonly string[] => clauses(`select c { unit k: block(64); score 1; ${text} }\nattend c | local(8)`);

test("scores that fit their units", () => {
  for (const score of [
    "1",
    "h",
    "dot(mean(q), mean(k))",
    "dot(q, k)",
    "dot4(q, k) * scale",
    "dot(mean(q, weight: sum(q, over: dim)), mean(k, weight: 2 + sum(k, over: dim)))",
    "mean(p, over: q, weight: sum(q.last(64), over: dim))",
    "dot(low_bit(mean(q), bits: 8), low_bit(mean(k) * 2, 2))",
    "dot(mean(q), mean(k)) * scale + log(size(k))",
    "max(dot(q, min(k)), dot(q, max(k)))",
    "softmax(dot(mean(q), mean(k)) * scale)",
    "softmax(dot(mean(q), mean(k)), where: end(k) < start(q))",
    "-abs(dot(first(q), last(k))) if dot(mean(q), mean(k)) > 0 & start(k) >= 64 else 0.5",
    "dot(mean(q.last(16)), mean(k))",
    "sum(p, over: q)",
    "max(p, over: q, fold: 32)",
    "avg_pool(sum(p, over: q), 5)",
    "sum(mean(k) * mean(q), over: dim)",
    "sqrt(exp(tanh(mean(sum(k, over: dim)))))",
  ]) {
    expect(within(score), score).toEqual([]);
  }
  for (const score of ["sum(p, over: diag)", "mean(p, over: diag, fold: 64)", "mean(sum(p, over: diag))"]) {
    expect(within(score, "diag: block(64)"), score).toEqual([]);
  }
});

test("scores that do not", () => {
  expect(within("q")).toEqual(['ATTN2311 "q"']);
  expect(within("p < 1")).toEqual(['ATTN2311 "p < 1"']);
  expect(within("dot(mean(q), 2)")).toEqual(['ATTN2311 "2"']);
  expect(within("softmax(mean(q))")).toEqual(['ATTN2311 "mean(q)"']);
  expect(within("sum(p, over: diag)")).toEqual(['ATTN2311 "sum(p, over: diag)"']);
  expect(within("max(p, over: diag)", "diag: token")).toEqual(['ATTN2321 "diag"']);
  expect(within("sum(mean(k), over: q)")).toEqual(['ATTN2311 "mean(k)"']);
  expect(within("js_distance(p, p)")).toEqual(['ATTN2311 "p"']);
  expect(within("size(p)")).toEqual(['ATTN2311 "p"']);
  expect(within("p & p")).toEqual(['ATTN2311 "p"']);
  expect(within("-(p < 1)")).toEqual(['ATTN2311 "p < 1"']);
  expect(within("p.last(3)")).toEqual(['ATTN2111 "p.last(3)"']);
  expect(within("k.last(3)")).toEqual(['ATTN2111 "k.last(3)"']);
  expect(within("dott(q, k)")).toEqual(['ATTN2005 "dott"']);
  expect(within("dot4(q, sum(k, over: dim))")).toEqual(['ATTN2311 "sum(k, over: dim)"']);
  expect(within("dot(mean(q, weight: 2), mean(k))")).toEqual(['ATTN2311 "2"']);
  expect(within("dot(max(q, 64, weight: k), mean(k))")).toEqual(['ATTN2349 "k"']);
  expect(within("dot(q, low_bit(p, bits: 4))")).toEqual(['ATTN2311 "p"']);
  expect(within("dot(q, low_bit(k, bits: 9))")).toEqual(['ATTN3001 "9"']);
  expect(within("dot(q, low_bit(k, bits: 1))")).toEqual(['ATTN3001 "1"']);
  expect(within("dot(q, low_bit(k, bits: h))")).toEqual(['ATTN2115 "h"']);
  expect(within("sum(q + unknown)")).toEqual(['ATTN2001 "unknown"']);
  expect(within("mean(k, 64, over: dim)")).toEqual(['ATTN2107 "mean(k, 64, over: dim)"']);
  expect(within("mean(k, 64, over: q)")).toEqual(['ATTN2311 "k"']);
  expect(within("max(dot(q, k), 4, stride: 2, over: q)")).toEqual(['ATTN2311 "dot(q, k)"']);
  expect(within("sum(dot(q, k), 4)")).toEqual(['ATTN2329 "sum(dot(q, k), 4)"']);
  expect(within("log(0)")).toEqual(['ATTN3001 "log(0)"']);
  expect(within("fold(p, true)")).toEqual(['ATTN2108 "true"']);
});

test("sizes are known when a program is compiled, and fit", () => {
  expect(within("dot(mean(q), mean(k, h))")).toEqual(['ATTN2115 "h"']);
  expect(within("dot(mean(q), mean(k, 0))")).toEqual(['ATTN3001 "0"']);
  expect(within("dot(mean(q), mean(k, 128))")).toEqual(['ATTN3017 "dot(mean(q), mean(k, 128))"']);
  expect(within("dot(mean(q, 48), mean(k))")).toEqual(['ATTN3018 "dot(mean(q, 48), mean(k))"']);
  expect(within("dot(mean(q), mean(k, 64, stride: 16))")).toEqual(['ATTN3017 "dot(mean(q), mean(k, 64, stride: 16))"']);
  // Said once, not of every expression around.
  expect(within("dot(mean(q), mean(k, 128) + mean(k))")).toEqual(['ATTN3017 "mean(k, 128) + mean(k)"']);
  expect(within("sum(p, over: q) + mean(sum(p, over: q), 32)")).toEqual(['ATTN3017 "sum(p, over: q) + mean(sum(p, over: q), 32)"']);
  expect(within("dot(q.last(32), k)")).toEqual(['ATTN3017 "dot(q.last(32), k)"']);
});

test("units", () => {
  const units = (unit: string): readonly string[] => clauses(`select c { unit ${unit}; score 1; keep top(1); force current }\nattend c`);
  expect(units("q: token, k: page(16)")).toEqual([]);
  expect(units("q: page(16), k: token")).toEqual(['ATTN2315 "page(16)"']);
  expect(units("q: token(2), k: token")).toEqual(['ATTN2315 "token(2)"']);
  expect(units("k: cluster")).toEqual(['ATTN2315 "cluster"']);
  expect(units("k: cluster(9)")).toHaveLength(1);
  const clusters = (unit: string): readonly string[] => clauses(`select c { unit ${unit}; score size(k); keep top(1) }\nattend c | q == k`);
  expect(clusters("q: cluster(4, iters: 2), k: cluster(9, iters: 0)")).toEqual([]);
  expect(clusters("k: cluster(0, iters: 17)")).toEqual(['ATTN3001 "0"', 'ATTN3001 "17"']);
  expect(clusters("q: tile(4), k: cluster(40000, iters: 1)")).toEqual(['ATTN3001 "40000"']);
  expect(
    clauses("input c : centroids(8)\nselect s { unit k: cluster(9, iters: 0, from: c); score size(k); keep top(1) }\nattend s | q == k"),
  ).toEqual(['ATTN2370 "cluster(9, iters: 0, from: c)"']);
  expect(clauses("input c : centroids(b, 8)\nattend local(8)")).toEqual(['ATTN2211 "centroids(b, 8)"']);
  expect(clauses("input c : centroids\nattend local(8)")).toEqual(['ATTN2211 "centroids"']);
  expect(clauses("input c : centroids(8)\nattend c")).toEqual(['ATTN2110 "c"']);
  expect(clauses("input c : centroids(8)\nprobe p = dot(q.last(1), c)\nattend local(8)")).toEqual(['ATTN2110 "c"']);
  expect(units("diag: cluster(9, iters: 1)")).toEqual(['ATTN2315 "cluster(9, iters: 1)"']);
  expect(units("k: block(64), k: token")).toEqual(['ATTN2202 "k"']);
  expect(units("k: token, diag: token")).toEqual(['ATTN2316 "unit k: token, diag: token"']);
  expect(units("q: token, diag: token")).toEqual(['ATTN2316 "unit q: token, diag: token"']);
  expect(units("k: block(0)")).toEqual(['ATTN3001 "0"']);
});

test("how much is kept", () => {
  for (const keep of [
    "top(0)",
    "top(N / 8) min 1 max 100",
    "top_p(1)",
    "threshold(-0.5)",
    "fraction(0.1) over head",
    "top_p(h / 8.0) + forced",
  ]) {
    expect(body(`keep ${keep}`), keep).toEqual([]);
  }
  expect(body("keep top(0.5)")).toEqual(['ATTN2108 "0.5"']);
  expect(body("keep top(-1)")).toEqual(['ATTN3001 "-1"']);
  expect(body("keep top_p(1.5)")).toEqual(['ATTN3001 "1.5"']);
  expect(body("keep fraction(-0.5)")).toEqual(['ATTN3001 "-0.5"']);
  expect(body("keep top(b)")).toEqual(['ATTN2319 "b"']);
  expect(body("keep top(k)")).toEqual(['ATTN2319 "k"']);
  expect(body("keep top_p(all)")).toEqual(['ATTN2108 "all"']);
  expect(body("keep top()")).toEqual(['ATTN2106 "top()"']);
  expect(body("keep levels(1: top_p(0.4), 2: top_p(0.6)) + forced over head")).toEqual([]);
  expect(body("keep levels(1: top(2), 4: fraction(0.5), 8: threshold(h / 8.0))")).toEqual([]);
  expect(body("keep levels(1: top(0.5))")).toEqual(['ATTN2108 "0.5"']);
  expect(body("keep levels(1: levels(1: top(2)))")).toEqual(['ATTN2317 "levels(1: top(2))"']);
  expect(body("keep top(1) + first(1)")).toEqual(['ATTN2317 "top(1) + first(1)"']);
  expect(body("keep top(1) min 0.1")).toEqual(['ATTN2108 "0.1"']);
  expect(body("keep top(1) over q")).toEqual(['ATTN2321 "q"']);
});

test("what is forced", () => {
  const force = (text: string): readonly string[] => body(`keep top(1); force ${text}`);
  for (const text of ["first(1) + last(2)", "current", "k < 64 | q - k < 128", "first(1) | k % 64 == 0", "none", "first(h)"]) {
    expect(force(text), text).toEqual([]);
  }
  expect(force("local(2)")).toEqual(['ATTN2318 "local(2)"']);
  expect(force("last(1) & h < 2")).toEqual(['ATTN2318 "last(1)"']);
  expect(force("first(q)")).toEqual(['ATTN2319 "q"']);
  expect(force("k + 1")).toEqual(['ATTN2102 "k"', 'ATTN2102 "1"']);
  expect(force("b == 1")).toEqual(['ATTN2323 "b == 1"']);
  expect(clauses("input m : bits\nselect c { unit k: token; score 1; keep top(1); force m }\nattend c | local(8)")).toEqual([
    'ATTN2323 "m"',
  ]);
  expect(clauses("select c { unit diag: token; score 1; keep top(1); force last(1) }\nattend c | local(8)")).toEqual([
    'ATTN2318 "last(1)"',
  ]);
});

test("what a selection reads of others", () => {
  const select = (name: string, text: string): string => `select ${name} { unit k: token; score h; keep top(1) min 1; ${text} }\n`;
  const read = (text: string): readonly string[] => clauses(`${select("c", "")}${select("d", text)}attend d | local(8)`);
  for (const clause of ["among", "force"]) {
    for (const mask of ["c", "!c & k < 64", "c.min | q - k < 9", "c if h < 2 else all"])
      expect(read(`${clause} ${mask}`), mask).toEqual([]);
    expect(read(`${clause} d`)).toEqual(['ATTN2335 "d"']);
    expect(read(`${clause} c | d.min`)).toEqual(['ATTN2335 "d"']);
    expect(clauses(`${select("d", `${clause} e`)}${select("e", "")}attend d | e | local(8)`)).toEqual(['ATTN2006 "e"']);
    expect(clauses(`input m : bits\n${select("d", `${clause} m & k < 9`)}attend d | local(8)`)).toEqual(['ATTN2323 "m & k < 9"']);
    const flag = "probe p = dot(q.last(8), k)\nlet f = mean(sum(p, over: q), over: k) < 1\n";
    expect(clauses(`${flag}${select("d", `${clause} all if f else none`)}attend d | local(8)`)).toEqual(['ATTN2323 "all if f else none"']);
    const inPattern = "pattern p {\n  select d { unit k: token; score 1; keep top(1) }\n  attend d\n}\n";
    expect(problems(inPattern + attention(`${select("c", `${clause} p`)}attend c | local(8)`))).toEqual([]);
  }
  expect(read("among first(4) | local(2) & c")).toEqual([]);
  expect(read("among k + 1")).toEqual(['ATTN2102 "k + 1"']);
  expect(read("among c; among c")).toEqual(['ATTN2202 "among c"']);
  // Heads that share a choice can only be told of a choice that they share.
  const shared = (coarse: string, fine: string): readonly string[] =>
    problems(
      attention(`shape heads: 8, kv_heads: 2
select c { unit k: token; score sum(dot(q, k), over: q); ${coarse}; keep top(1) }
select d { unit k: token; score sum(dot(q, k), over: q); ${fine}; keep top(1); among c }
attend d | local(8)`),
    );
  expect(shared("group sum over kvh", "snap block(2)")).toEqual([]);
  expect(shared("group sum over h", "group max over kvh")).toEqual([]);
  expect(shared("snap block(2)", "group max over kvh")).toEqual(['ATTN3020 "c"']);
  expect(shared("group sum over kvh", "group max over h")).toEqual(['ATTN3020 "c"']);
});

test("shared selections have shared amounts", () => {
  const shared = (over: string, text: string): readonly string[] =>
    problems(
      attention(`shape heads: 8, kv_heads: 2\nselect c { unit k: token; score h; group sum over ${over}; ${text} }\nattend c | local(8)`),
    );
  expect(shared("kvh", "keep top(kvh)")).toEqual([]);
  expect(shared("kvh", "keep top_p(h / 8.0)")).toEqual(['ATTN3020 "h / 8.0"']);
  expect(shared("h", "keep top(kvh + 1)")).toEqual(['ATTN3020 "kvh + 1"']);
  expect(shared("h", "keep top(layer); force k < 64 * kvh")).toEqual(['ATTN3020 "k < 64 * kvh"']);
  expect(shared("h", "keep top(1); at h == 1; reuse later layers")).toEqual(['ATTN3020 "h == 1"']);
});

test("clauses of a selection", () => {
  expect(body("keep top(1); keep top(2)")).toEqual(['ATTN2202 "keep top(2)"']);
  expect(body("keep top(1); attend all")).toEqual(['ATTN2314 "attend all"']);
  expect(body("force first(1)")).toEqual(['ATTN2313 "c"']);
  expect(body("keep top(1); snap token")).toEqual(['ATTN2334 "token"']);
  expect(body("keep top(1); snap block(96)")).toEqual(['ATTN3018 "96"']);
  expect(body("keep top(1); reuse later layers")).toEqual(['ATTN2327 "reuse later layers"']);
  expect(body("keep top(1); at layer == 1; reuse every 2 steps")).toEqual(['ATTN2327 "at layer == 1"']);
  expect(body("keep top(1); reuse from d")).toEqual(['ATTN2348 "d"']);
  expect(body("keep top(1); reuse every 0 steps")).toEqual(['ATTN3001 "0"']);
});

test("names", () => {
  const selected = "select c { unit k: token; score 1; keep top(1) }";
  expect(clauses(`attend local(8) | c\n${selected}`)).toEqual(['ATTN2006 "c"']);
  expect(clauses(`${selected}\nattend local(8)`)).toEqual(['ATTN2004 "c"']);
  expect(clauses(`probe p = mean(k)\nattend local(8)`)).toEqual(['ATTN2004 "p"']);
  expect(clauses(`${selected}\n${selected}\nattend c`)).toEqual(['ATTN2002 "c"']);
  expect(clauses(`${selected}\nattend c + 1 < 2`)).toEqual(['ATTN2101 "c"']);
  expect(clauses(`${selected}\nattend c.max`)).toEqual(['ATTN2111 "c.max"']);
  expect(clauses(`pool a, b = mean(k)\nattend local(8)`)).toEqual(['ATTN2333 "pool a, b = mean(k)"']);
  // A name of the declaration's own comes before the scale of the call.
  expect(clauses("let scale = 2\nselect c { unit q: token, k: token; score dot(q, k) * scale; keep top(1) }\nattend c")).toEqual([]);
});

test("a boolean of a head chooses between masks", () => {
  const flag = "let few = mean(dot(mean(q), k), over: k) > 0.5";
  expect(clauses(`${flag}\nattend local(4) if few else local(8)`)).toEqual([]);
  expect(clauses(`${flag}\nassign {\nwhen few & h < 2 -> all\nelse -> local(8)\n}`)).toEqual([]);
  expect(clauses("attend local(4) if mean(dot(mean(q), k), over: k) > h else local(8)")).toEqual([]);
  expect(clauses("attend local(4) if dot(mean(q), k) > 0.5 else local(8)")).toEqual(['ATTN2324 "dot(mean(q), k) > 0.5"']);
  expect(clauses("let x = mean(dot(mean(q), k), over: k)\nattend local(4) if x else local(8)")).toEqual(['ATTN2324 "x"']);
  expect(clauses("let x = mean(dot(mean(q), k), over: k)\nattend q - k < x")).toEqual(['ATTN2310 "x"']);
  // It is known only after the tensors are.
  expect(clauses(`${flag}\nselect c { unit k: token; score 1; keep top(4 if few else 8) }\nattend c | local(8)`)).toEqual([
    'ATTN2319 "4 if few else 8"',
  ]);
});

test("inputs of floats", () => {
  expect(clauses("input s : scores(64, 64)\nattend s")).toEqual(['ATTN2310 "s"']);
  expect(clauses("input s : scores(64)\nattend s | local(8)")).toEqual(['ATTN2211 "scores(64)"']);
  expect(clauses("input c : channels(2)\nattend local(8)")).toEqual(['ATTN2211 "channels(2)"']);
  expect(clauses("input w : weights(b)\nattend local(8)")).toEqual(['ATTN2211 "weights(b)"']);
  expect(clauses("input s : scores(64, 0)\nselect c { unit q: block(64), k: token; score s; keep top(1) }\nattend c | local(8)")).toEqual([
    'ATTN3001 "0"',
  ]);
});

test("distances are for one causal order", () => {
  const diag = "select c { unit diag: token; score 1; keep top(1) }\nattend c | local(8)";
  expect(clauses(diag)).toEqual([]);
  expect(clauses(diag, "grid(y: 4, x: 4) causal")).toEqual([]);
  expect(clauses(diag, "grid(y: 4, x: 4)")).toEqual(['ATTN2330 "token"']);
  expect(clauses(diag, "seq cross")).toEqual(['ATTN2330 "token"']);
});

test("what makes no order for permute is named, and what is near it", () => {
  const said = (order: string) =>
    compile(attention(`layout permute(k: ${order})\nattend all`)).diagnostics.map(({ message, hint }) => [message, hint]);
  const takes = "`layout permute` takes the order of the queries, of the keys or of both, and";
  expect(said("cluter(8, iters: 1)")).toEqual([[`${takes} \`cluter(…)\` makes none`, "did you mean `cluster`?"]]);
  expect(said("srot(k, segment: 64)")).toEqual([[`${takes} \`srot(…)\` makes none`, "did you mean `sort`?"]]);
  const declare = "declare `input order : order` and write `layout permute(k: order)` or `layout permute(q: order_q, k: order_k)`";
  expect(said("near(k, 8)")).toEqual([[`${takes} \`near(…)\` makes none`, declare]]);
});
