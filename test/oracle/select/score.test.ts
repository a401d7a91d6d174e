import { expect, test } from "vitest";
import { OracleError, oracleMask } from "../../../compiler/oracle/oracle.js";
import { bodyOf, picture, programOf } from "../programs.js";
import { launchOf, rowsOf, scalars, scores, scoresOf, selected, selectionsOf, type Call } from "./selected.js";

const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 12) as number);

/** The scores of the first row of keys in blocks of 2. */
const blocks = (score: string, call: Call, space = "seq full"): number[] =>
  scoresOf(selected(space, `unit k: block(2)\nscore ${score}\nkeep top(1)`, call));

test("mean, sum, min, max, first and last of the keys of a unit; the last block is short", () => {
  const call = scores(1, 5, 2, 4, 7);
  expect(blocks("dot(mean(q), mean(k))", call)).toEqual([3, 3, 7]);
  expect(blocks("dot(mean(q), sum(k))", call)).toEqual([6, 6, 7]);
  expect(blocks("dot(mean(q), min(k))", call)).toEqual([1, 2, 7]);
  expect(blocks("dot(mean(q), max(k))", call)).toEqual([5, 4, 7]);
  expect(blocks("dot(mean(q), first(k))", call)).toEqual([1, 2, 7]);
  expect(blocks("dot(mean(q), last(k))", call)).toEqual([5, 4, 7]);
});

test("a score that is finer than the unit is added up, also over queries that share a choice", () => {
  expect(blocks("dot(q, k)", scores(1, 5, 2, 4, 7))).toEqual([6, 6, 7]);
  expect(blocks("dot(q, k)", scalars([1, 2], [1, 5, 2]))).toEqual([18, 6]);
  expect(blocks("sum(dot(q, k), over: q)", scalars([1, 2], [1, 5, 2]))).toEqual([18, 6]);
});

test("queries are pooled over units that are counted from the one that holds the first", () => {
  const body = "unit q: block(2), k: token\nscore dot(mean(q), k)\nkeep top(1)";
  // Queries at positions 1, 2, 3: blocks [1], [2, 3].
  const head = selected("seq causal", body, scalars([2, 4, 8], [1, 1, 1, 1]));
  expect([...head.scores[0]!]).toEqual([2, 2, 2, 2, 6, 6, 6, 6]);
  expect([...head.candidates]).toEqual([1, 1, 0, 0, 1, 1, 1, 1]);
});

test("softmax goes over the candidates of a row", () => {
  const body = "unit q: token, k: token\nscore softmax(dot(q, k) * scale)\nkeep top(1)";
  const call: Call = { ...scalars([1, 1], [Math.log(1), Math.log(3), Math.log(4)]), scale: 1 };
  const head = selected("seq causal", body, call);
  expect([...head.scores[0]!.slice(0, 3)]).toEqual([expect.closeTo(0.25, 7), expect.closeTo(0.75, 7), 0]);
  expect([...head.scores[0]!.slice(3)]).toEqual([0.125, 0.375, 0.5].map((x) => expect.closeTo(x, 7) as number));
});

test("softmax where: others are 0, and a row without any is 0 throughout", () => {
  const body = "unit q: token, k: token\nscore softmax(dot(q, k) * 0.0, where: start(k) < end(q))\nkeep top(1)";
  expect([...selected("seq causal", body, scalars([1, 1], [1, 1])).scores[0]!]).toEqual([0, 0, 1, 0]);
});

test("the scale of a call, and of the head dim", () => {
  expect(blocks("dot(q, k) * scale", { ...scores(2, 4), scale: 0.5 })).toEqual([3]);
  expect(blocks("dot(q, k) * scale", { q: [[[1, 1, 1, 1]]], k: [[[1, 1, 1, 1]]] })).toEqual([2]);
});

test("over: q, over: k, over: dim, and fold besides", () => {
  const call: Call = { q: [[[1, 2], [3, 4]]], k: [[[1, 0], [0, 1], [1, 1]]] }; // prettier-ignore
  // dot: [1 2 3], [3 4 7].
  expect(blocks("max(dot(q, k), over: q)", call)).toEqual([7, 7]);
  expect(blocks("mean(dot(q, k), over: q)", call)).toEqual([5, 5]);
  expect(blocks("mean(dot(q, k), over: q, fold: 2)", call)).toEqual([2.5, 5]);
  expect(blocks("sum(max(mean(q) * min(k, 2), mean(q) * max(k, 2)), over: dim)", call)).toEqual([5, 5]);
  expect(scoresOf(selected("seq full", "unit q: token, k: token\nscore dot(q, k) - mean(dot(q, k), over: k)\nkeep top(1)", call))).toEqual([
    -1, 0, 1,
  ]);
});

test("pages take the best of their parts", () => {
  const body = (op: string): string => `unit k: page(4)\nscore ${op}(dot(mean(q), max(k, 2)), over: subpage)\nkeep top(1)`;
  expect(scoresOf(selected("seq full", body("max"), scores(1, 5, 2, 4, 7, 3)))).toEqual([5, 7]);
  expect(scoresOf(selected("seq full", body("sum"), scores(1, 5, 2, 4, 7, 3)))).toEqual([9, 7]);
});

test("diagonals: distance by distance, in groups, a mean by the number of queries", () => {
  const call = scalars([1, 1, 1], [1, 2, 4]);
  const diag = (unit: string, score: string): number[] =>
    scoresOf(selected("seq causal", `unit diag: ${unit}\nscore ${score}\nkeep top(1)`, call));
  expect(diag("token", "sum(dot(q, k), over: diag)")).toEqual([7, 3, 1]);
  expect(diag("block(2)", "sum(dot(q, k), over: diag)")).toEqual([10, 1]);
  expect(diag("block(2)", "mean(dot(q, k), over: diag)")).toEqual(near([10 / 3, 1 / 3]));
  // Of the last two queries.
  expect(diag("token", "sum(dot(q.last(2), k), over: diag)")).toEqual([6, 3, 1]);
});

test("a mean with weights: the weighted sum over the sum of the weights, of blocks and of an axis", () => {
  const call: Call = { q: [[[1, 0], [3, 0]]], k: [[[1, 1], [2, 3], [5, 2]]] }; // prettier-ignore
  const of = (score: string): number[] => scoresOf(selected("seq full", `unit k: block(2)\nscore ${score}\nkeep top(1)`, call));
  // Keys 1, 2 and 5 with weights 2, 5 and 7.
  expect(of("dot(mean(q), mean(k, weight: sum(k, over: dim)))")).toEqual(near([(2 * (1 * 2 + 2 * 5)) / 7, 10]));
  // Queries 1 and 3, weights 1 and 3.
  expect(of("dot(mean(q, over: q, weight: sum(q, over: dim)), mean(k))")).toEqual(near([2.5 * 1.5, 2.5 * 5]));
});

test("few bits: the greatest element of a vector is the greatest number, half way goes to the even one, zeros stay", () => {
  // Steps 2, 1 and none; dot with (1, 10, 100) shows the elements.
  const call: Call = { q: [[[1, 10, 100]]], k: [[[14, 3, -5], [7, 2.5, -1.5], [0, 0, 0]]] }; // prettier-ignore
  const of = (score: string): number[] => scoresOf(selected("seq full", `unit k: token\nscore ${score}\nkeep top(1)`, call));
  expect(of("dot(mean(q), low_bit(k, bits: 4))")).toEqual([14 + 40 - 400, 7 + 20 - 200, 0]);
  expect(of("dot(mean(q), low_bit(k, bits: 2))")).toEqual([14, 7, 0]);
  // The query's steps are 100 / 7: 0, 1 and 7 of them.
  expect(of("dot4(mean(q), k)")).toEqual(near([(100 / 7) * (4 - 7 * 4), (100 / 7) * (2 - 7 * 2), 0]));
});

test("where rounding may turn a number of few bits, its slack says so", () => {
  const slackOf = (k: number[]): number => {
    const call: Call = { q: [[[0, 1]]], k: [[k]] };
    return selected("seq full", "unit k: token\nscore dot(mean(q), low_bit(k, bits: 4))\nkeep top(1)", call).slack[0]!;
  };
  // With a step of 3 / 7 the element 1.5 is 3.5 steps but for rounding; no device has to divide 7 by 7 exactly either.
  expect(slackOf([3, 1.5])).toBeGreaterThan(3 / 7);
  expect(slackOf([7, 2.5])).toBeGreaterThan(1);
  expect(slackOf([3, 1.4])).toBeLessThan(1e-5);
});

test("windows overlap and fit whole; fold weights those that reach into a block", () => {
  const body = "unit k: block(4)\nscore fold(dot(mean(q), mean(k, 4, stride: 2)), 1, 2, 1)\nkeep top(1)";
  // Windows [0, 4), [2, 6), [4, 8): means 1, 2, 3.
  const head = selected("seq full", body, scores(1, 1, 1, 1, 3, 3, 3, 3, 9));
  // Block 0: window -1 is not there, 2 * 1, 1 * 2; block 1: 2, 2 * 3; block 2 has window 3 before it, which is not whole.
  expect(scoresOf(head)).toEqual([4, 8, 0]);
});

test("smoothing takes what exists and divides by its size all the same", () => {
  expect(scoresOf(selected("seq full", "unit k: token\nscore avg_pool(dot(mean(q), k), 3)\nkeep top(1)", scores(3, 3, 6)))).toEqual([
    2, 4, 3,
  ]);
  expect(scoresOf(selected("seq full", "unit k: token\nscore max_pool(dot(mean(q), k), 2)\nkeep top(1)", scores(3, 1, 6)))).toEqual([
    3, 6, 6,
  ]);
});

test("sizes and ends of units", () => {
  expect(blocks("size(k) + 10 * start(k) + 100 * end(k)", scores(1, 1, 1))).toEqual([102, 221]);
});

test("heads agree: the sum, the greatest or the mean over those of a kv head, or of all", () => {
  const call: Call = {
    q: [[[1]], [[2]], [[4]], [[8]]],
    k: [
      [[1], [3]],
      [[1], [3]],
    ],
  };
  const of = (group: string, h: number): number[] =>
    scoresOf(selected("seq full", `unit k: token\nscore dot(mean(q), k)\n${group}\nkeep top(1)`, call, h));
  expect(of("", 1)).toEqual([2, 6]);
  expect(of("group sum over kvh", 1)).toEqual([3, 9]);
  expect(of("group max over kvh", 2)).toEqual([8, 24]);
  expect(of("group mean over h", 0)).toEqual([3.75, 11.25]);
});

test("the heads of a group agree on the score as it is written: tokens before pages", () => {
  const call: Call = { q: [[[1, 0]], [[0, 1]]], k: [[[4, 1], [1, 4]]] }; // prettier-ignore
  const head = selected("seq full", "unit k: page(2)\nscore dot(mean(q), k)\ngroup max over kvh\nkeep top(1)", call);
  expect(scoresOf(head)).toEqual([8]);
});

test("inputs of floats: scores, channels and pooled keys, of any head count", () => {
  const floats = (shape: number[], data: number[]) => ({ kind: "floats", shape, data }) as const;
  const call: Call = { ...scalars([1, 1], [1, 2, 3, 4]), inputs: { g: floats([1, 1, 1, 2], [5, 6]) } };
  expect(selectionsOf("space seq causal\ninput g : scores(2, 2)\nselect s { unit q: block(2), k: block(2); score g; keep top(1) }\nattend s", call).get("s")!.select(0, 0).scores[0]).toEqual(Float64Array.of(5, 6)); // prettier-ignore
  const channels: Call = { q: [[[1, 2]]], k: [[[3, 4]]], inputs: { c: floats([1, 1, 2], [1, 0.5]) } };
  expect(selectionsOf("space seq full\ninput c : channels\nselect s { unit k: token; score dot(mean(q) * c, k); keep top(1) }\nattend s", channels).get("s")!.select(0, 0).scores[0]).toEqual(Float64Array.of(7)); // prettier-ignore
  const pooled: Call = { ...scores(1, 2, 3), inputs: { ck: floats([1, 1, 2, 1], [2, 4]) } };
  expect(selectionsOf("space seq full\ninput ck : pooled(2, 1)\nselect s { unit k: token; score fold(dot(mean(q), ck), 1, 1); keep top(1) }\nattend s", pooled).get("s")!.select(0, 0).scores[0]).toEqual(Float64Array.of(2, 6, 4)); // prettier-ignore
});

test("probes, pools and lets are tensors with names; host numbers may differ by head", () => {
  const call: Call = { q: [[[1]], [[1]]], k: [[[1], [2]]] };
  const body = `space seq full
    let  weight = 2.0 if h == 0 else 4.0
    probe m = mean(q)
    pool low, high = min(k, 1), max(k, 1)
    let  d = dot(m, high) * weight
    select s { unit k: token; score d + dot(m, low); keep top(1) }
    attend s`;
  const s = selectionsOf(body, call).get("s")!;
  expect(scoresOf(s.select(0, 0))).toEqual([3, 6]);
  expect(scoresOf(s.select(0, 1))).toEqual([5, 10]);
});

test("the Jensen-Shannon distance: 0 for equal distributions, the root of ln 2 for disjoint ones", () => {
  // One number of each distribution for every key.
  const js = (...pairs: number[][]): number => {
    const text = `space seq full
      let a = sum(dot(q, k) * (1 - start(q)), over: q)
      let b = sum(dot(q, k) * start(q), over: q)
      select s { unit k: token; score js_distance(a, b); keep top(1) }
      attend s`;
    return scoresOf(selectionsOf(text, { q: [[[1, 0], [0, 1]]], k: [pairs] }).get("s")!.select(0, 0))[0]!; // prettier-ignore
  };
  expect(js([0.5, 0.5], [0.5, 0.5])).toBe(0);
  expect(js([1, 0], [0, 1])).toBeCloseTo(Math.sqrt(Math.LN2), 12);
  const half = 0.5 * (0.5 * Math.log(0.5 / 0.75) + 0.5 * Math.log(0.5 / 0.25)) + 0.5 * Math.log(1 / 0.75);
  expect(js([0.5, 1], [0.5, 0])).toBeCloseTo(Math.sqrt(half), 12);
});

test("flags decide for a head: by name or written out", () => {
  const call: Call = { q: [[[1]], [[3]]], k: [[[1], [2]]] };
  for (const text of [
    "let f = sum(dot(mean(q), k), over: k) > 5\nattend first(1) if f else all",
    "attend first(1) if sum(dot(mean(q), k), over: k) > 5 else all",
  ]) {
    const mask = oracleMask(programOf(bodyOf(`space seq full\n${text}`)), "a", launchOf(call));
    expect(picture((_b, _h, q, k) => mask(0, 0, q, k), 2, 1)).toEqual(["##"]);
    expect(picture((_b, _h, q, k) => mask(0, 1, q, k), 2, 1)).toEqual(["#."]);
  }
});

test("a selection is a mask term beside static ones", () => {
  const body = "space seq causal\nselect s { unit q: token, k: block(2); score dot(q, mean(k)); keep top(1) }\nattend s | current";
  const mask = oracleMask(programOf(bodyOf(body)), "a", launchOf(scalars([1, 1, 1, 1, 1], [1, 2, 9, 1, 1])));
  // The best block of each query is cut off by causality; its mean is that of all its keys.
  expect(picture(mask, 5)).toEqual(["#....", "##...", "..#..", "..##.", "..###"]);
});

test("bits that are given are read instead of tensors", () => {
  const body = "space seq causal\nselect s { unit q: block(2), k: block(2); score dot(mean(q), mean(k)); keep top(1) }\nattend s";
  const launch = { ...launchOf(scalars([1, 1, 1], [1, 1, 1, 1])), tensors: undefined };
  // Queries 1, 2, 3: the rows of blocks [1] and [2, 3].
  const bits = { s: { batch: 1, heads: 1, rows: 2, columns: 2, words: Uint32Array.of(0b01, 0b10) } };
  const mask = oracleMask(programOf(bodyOf(body)), "a", { ...launch, selected: bits });
  expect(picture(mask, 4, 3)).toEqual(["##..", "..#.", "..##"]);
  expect(() => picture(oracleMask(programOf(bodyOf(body)), "a", launch), 4, 3)).toThrow(OracleError);
});

test("without snap a distance is a distance, with snap it is all tiles that it touches", () => {
  const body = (snap: string): string =>
    `space seq causal\nselect s { unit diag: token; score sum(dot(q, k), over: diag); keep top(1)${snap} }\nattend s`;
  const call = scalars([1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 9]);
  const mask = (snap: string) => oracleMask(programOf(bodyOf(body(snap))), "a", launchOf(call));
  expect(picture(mask(""), 6)).toEqual(["#.....", ".#....", "..#...", "...#..", "....#.", ".....#"]);
  expect(picture(mask("; snap block(2)"), 6)).toEqual(["#.....", "##....", "..#...", "..##..", "....#.", "....##"]);
  // Distance 1 touches the tiles of the diagonal and those before them.
  const one = scalars([1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 9, -99]);
  const far = oracleMask(programOf(bodyOf(body("; snap block(2)"))), "a", launchOf(one));
  expect(picture(far, 6)).toEqual(["#.....", "##....", "###...", "####..", "..###.", "..####"]);
});

test("columns snap to the tiles that they touch", () => {
  const body = "space seq causal\nselect s { unit k: token; score dot(mean(q), k); keep top(2); snap block(2) }\nattend s";
  const mask = oracleMask(programOf(bodyOf(body)), "a", launchOf(scalars([1, 1, 1, 1, 1], [1, 5, 1, 1, 9])));
  expect(picture(mask, 5)).toEqual(["#....", "##...", "##...", "##...", "##..#"]);
});

test("what is forced: ends, the own unit and those before it, masks that touch a unit", () => {
  const call = scalars([1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]);
  const forced = (units: string, force: string): number[][] =>
    rowsOf(selected("seq causal", `unit ${units}\nscore dot(mean(q), mean(k))\nkeep top(0)\nforce ${force}`, call));
  // Queries 3 to 6 in blocks [3], [4, 5], [6] over keys [0, 1], [2, 3], [4, 5], [6].
  const blocks2 = "q: block(2), k: block(2)";
  expect(forced(blocks2, "first(1)")).toEqual([[0], [0], [0]]);
  expect(forced(blocks2, "last(1)")).toEqual([[1], [2], [3]]);
  expect(forced(blocks2, "local(2)")).toEqual([[0, 1], [1, 2], [2, 3]]); // prettier-ignore
  expect(forced(blocks2, "current")).toEqual([[1], [2], [3]]);
  expect(forced(blocks2, "q - k < 2")).toEqual([[1], [1, 2], [2, 3]]);
  expect(forced(blocks2, "first(1) + current")).toEqual([[0, 1], [0, 2], [0, 3]]); // prettier-ignore
  expect(forced(blocks2, "k == 0 | q == k")).toEqual([[0, 1], [0, 2], [0, 3]]); // prettier-ignore
  expect(forced("k: block(2)", "last(1)")).toEqual([[3]]);
});

test("what is forced of distances", () => {
  const call = scalars([1, 1], [1, 1, 1, 1, 1]);
  const forced = (force: string): number[][] =>
    rowsOf(selected("seq causal", `unit diag: block(2)\nscore sum(dot(q, k), over: diag)\nkeep top(0)\nforce ${force}`, call));
  expect(forced("first(1)")).toEqual([[0]]);
  expect(forced("current")).toEqual([[0]]);
  expect(forced("k == 0")).toEqual([[1, 2]]);
});

test("a number that is not normal may be taken for 0, its slack says", () => {
  const slackOf = (q: number): number =>
    selected("seq full", "unit k: token\nscore softmax(dot(q, k) * scale)\nkeep top(1)", scalars([q], [1, 0])).slack[1]!;
  // exp(-95) is about 5.5e-42, exp(-80) about 1.8e-35.
  expect(slackOf(95)).toBeGreaterThanOrEqual(Math.exp(-95));
  expect(slackOf(80)).toBeLessThan(1e-4 * Math.exp(-80));
});
