import { expect, test } from "vitest";
import type { OracleInput } from "../../../compiler/oracle/oracle.js";
import { random } from "../../../runtime/verify/random.js";
import { bodyOf } from "../programs.js";
import { interpreted, type Launch } from "./interpreted.js";

/*
 * The compiler's path to a selection (front end, selection IR, selection program, its interpreter in float32) and the
 * oracle's, which share only the syntax tree. Whole numbers make scores exact, so that ties have one right answer.
 */

const headDim = 8;
const heads = 4;
const kvHeads = 2;
const batch = 2;

function launchOf(N: number, NQ: number, exact: boolean, inputs: Readonly<Record<string, readonly number[]>> = {}): Launch {
  const source = random(N * 1000 + NQ + Number(exact));
  const value = (): number => (exact ? source.integer(-2, 2) : source.normal());
  const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, value);
  const tensors = { headDim, q: numbers(batch * heads * NQ * headDim), k: numbers(batch * kvHeads * N * headDim) };
  const floats = Object.entries(inputs).map(([name, shape]): readonly [string, OracleInput] => {
    const data = numbers(shape.reduce((product, size) => product * size, 1));
    return [name, { kind: "floats", shape, data }];
  });
  return { N, NQ, heads, kvHeads, tensors, inputs: Object.fromEntries(floats) };
}

const programs: Readonly<Record<string, string>> = {
  moba: "space seq causal\nselect b { unit q: token, k: block(8); score dot(q, mean(k)); keep top(3); force current }\nattend b",
  "block sparse": "space seq causal\nselect b { unit q: block(8), k: block(8); score dot(mean(q), mean(k)); keep top(2) }\nattend b | current",
  "vertical slash": `space seq causal
    probe  p = softmax(dot(q.last(16), k) * scale)
    select c { unit k: token; score sum(p, over: q); keep top(9); force first(3) }
    select d { unit diag: token; score sum(p, over: diag); keep top(7); force first(3); snap block(8) }
    attend c | d`,
  flexprefill: `space seq causal
    probe  p   = softmax(dot(q.last(16), k) * scale)
    probe  est = softmax(dot(mean(q.last(16)), mean(k, 8)) * scale)
    let    few = js_distance(est, mean(p, over: q, fold: 8)) < 0.4
    select cols { unit k: block(8); score mean(p, over: q); keep top_p(0.7) min 2; force first(1) }
    select diags { unit diag: block(8); score mean(p, over: diag); keep top_p(0.7) min 2; force first(1) }
    select blocks { unit q: block(8), k: block(8); score softmax(dot(mean(q), mean(k)) * scale); keep top_p(0.8) over head }
    attend blocks | cols.min | diags.min if few else cols | diags`,
  pages: `space seq causal
    pool   low, high = min(k, 4), max(k, 4)
    select pages { unit k: page(16); score max(sum(max(mean(q) * low, mean(q) * high), over: dim), over: subpage); keep top(2); force last(1) }
    attend pages`,
  "pages, added up": `space seq full
    pool   low, high = min(k, 4), max(k, 4)
    select pages { unit k: page(16); score sum(max(q * low, q * high), over: dim); keep fraction(0.5) }
    attend pages`,
  vote: "space seq causal\nselect s { unit k: token; score softmax(dot(q, k) * scale); group sum over h; keep top(5) + forced; force first(2) + last(3) }\nattend s",
  groups: "space seq causal\nselect s { unit q: token, k: block(4); score dot(q, mean(k)); group max over kvh; keep top(3); force local(2) }\nattend s",
  "folded windows": `space seq causal
    pool   w = mean(k, 8, stride: 4)
    select s { unit q: token, k: block(16); score fold(softmax(dot(q, w) * scale, where: end(w) <= end(q)), 1, 2, 2, 2, 1); group sum over kvh; keep top(2); force first(1) + local(2) }
    attend s`,
  "low bits": "space seq causal\nselect s { unit q: token, k: token; score dot(low_bit(q, bits: 3), low_bit(k, bits: 5)); keep top(5) }\nattend s",
  "weighted means": `space seq causal
    let    w = abs(sum(q, over: dim)) + 1
    select s { unit q: block(4), k: block(4); score dot(mean(q, weight: w), mean(k, weight: exp(-abs(sum(k, over: dim))))); keep top(3) }
    attend s`,
  "a weighted mean of all queries": "space seq full\nselect s { unit k: token; score mean(softmax(dot(q, k) * scale), over: q, weight: abs(sum(q, over: dim)) + 1); keep top(5) }\nattend s",
  "low bits of means": "space seq full\nselect s { unit q: block(4), k: block(4); score dot4(mean(q), mean(k)); keep top(3) }\nattend s",
  levels: "space seq causal\nselect lv { unit q: block(4), k: block(4); score dot(mean(q), mean(k)) + 9; keep levels(1: top(2), 2: top_p(0.6), 4: fraction(0.9)); force current }\nattend lv.level(1) | lv.level(2) & k % 2 == 0 | lv.level(4) & k % 4 == 0 & lv",
  "units of queries and keys": "space seq causal\nselect s { unit q: block(8), k: block(6); score max(dot(q, k)) - min(dot(q, first(k))); keep top(3) }\nattend s",
  "means of both": "space seq full\nselect s { unit q: block(4), k: block(4); score mean(dot(q, k)); keep top(3) }\nattend s",
  "the best of two halves": `space seq causal
    let    s1 = max(dot(q, k), 8, over: q)
    let    s2 = max(first(s1, 2, over: k), last(s1, 2, over: k))
    let    s4 = first(s2, 4, over: k) if first(s1, 4, over: k) > last(first(s1, 2, over: k), 4, over: k) else last(s2, 4, over: k)
    select s { unit q: block(8), k: block(4); score s4; keep top(3); force current }
    attend s`,
  smoothed: "space seq causal\nselect s { unit k: token; score avg_pool(sum(softmax(dot(q.last(8), k) * scale), over: q), 5); keep top(9) }\nattend s | local(4)",
  "smoothed, greatest": "space seq full\nselect s { unit k: token; score max_pool(mean(dot(q, k), over: q), 4); keep top(9); snap block(4) }\nattend s",
  threshold: "space seq full\nselect s { unit q: block(4), k: token; score dot(mean(q), k); keep threshold(1.5) min 1 max 6 }\nattend s",
  fraction: "space seq causal\nselect s { unit q: block(5), k: block(3); score dot(first(q), last(k)); keep fraction(0.3) over head; force q - k < 4 | k < 2 }\nattend s",
  "all of a head": "space seq causal\nselect s { unit q: block(8), k: block(8); score dot(max(q), min(k)); keep top(11) over head }\nattend s",
  positions: "space seq causal\nselect s { unit q: token, k: block(4); score dot(q, sum(k)) / size(k) - 0.5 * (end(q) - end(k)); keep top(3) }\nattend s",
  "amounts by head": "space seq causal\nlet n = 1 + 2 * h\nselect s { unit q: block(4), k: block(4); score dot(mean(q), mean(k)) * (1.0 if h < 2 else -0.5); keep top(n) }\nattend s",
  cross: "space seq cross\nselect s { unit q: block(4), k: block(4); score dot(mean(q), mean(k)); keep top(2); force current }\nattend s",
  "budget 0": "space seq causal\nselect s { unit q: token, k: block(4); score dot(q, mean(k)); keep top(0); force current }\nattend s",
  "bounds of a count": "space seq causal\nlet n = 4 * h\nselect s { unit q: token, k: block(4); score dot(q, mean(k)); keep top(n) + forced min 1 max 3; force current }\nselect t { unit q: token, k: block(4); score dot(q, mean(k)); keep top(n) min 2 max 5; force current }\nattend s | t.min",
  "more than there is": "space seq causal\nselect s { unit q: token, k: block(4); score dot(q, mean(k)); keep top(1000) }\nattend s",
  "equal scores": "space seq causal\nselect s { unit q: token, k: block(4); score 0 * dot(q, mean(k)); keep top(3) }\nattend s",
  conditions: "space seq full\nselect s { unit q: token, k: token; score exp(min(abs(dot(q, k)), 2)) if start(k) % 2 == 0 else tanh(dot(q, k)); keep top(4) }\nattend s".replace("start(k) % 2 == 0", "start(k) != end(q)"),
  "score input": "space seq causal\ninput g : scores(8, 8)\nselect s { unit q: block(8), k: block(8); score g; keep top(2); force current }\nattend s",
  "channel input": "space seq causal\ninput c : channels\nselect s { unit k: token; score dot(mean(q) * c, k); keep top(6) }\nattend s",
  "weights of keys": "space seq causal\ninput w : weights\nselect s { unit q: token, k: block(8); score dot(q, mean(k, weight: w)); keep top(2); force current }\nattend s",
  "weights of queries": "space seq causal\ninput u : weights(q)\ninput w : weights(k)\nselect s { unit q: block(8), k: token; score dot(mean(q, weight: u), k) + w; keep top(6); force current }\nattend s",
  "pooled input": "space seq causal\ninput ck : pooled(8, 4)\nselect s { unit q: token, k: block(8); score fold(dot(q, ck), 1, 2, 1); keep top(2); force local(1) }\nattend s",
  "windows without overlap": "space seq causal\ninput cl : pooled(8, 8)\nselect s { unit q: token, k: block(16); score fold(softmax(dot(q, cl), where: end(cl) <= end(q)), 1, 1); keep top(2); force local(1) }\nattend s",
  "coarse to fine": `space seq causal
    select coarse { unit q: block(16), k: block(16); score dot(mean(q), mean(k)); keep top(2) }
    select middle { unit q: block(8), k: block(4); score dot(mean(q), mean(k)); keep top(4); among coarse; force local(1) }
    select fine { unit q: token, k: token; score dot(q, k); keep top(6); among middle }
    attend fine`,
  "coarse to fine, for all queries": `space seq causal
    select coarse { unit k: block(8); score sum(dot(q, mean(k)), over: q); group sum over kvh; keep top(3); force first(1) }
    select fine { unit q: block(8), k: token; score softmax(dot(mean(q), k) * scale); keep top_p(0.4) min 2; among coarse | q - k < 5 }
    attend fine | coarse if h < 2 else fine`,
  "fine to coarse": `space seq causal
    select fine { unit q: token, k: block(3); score dot(q, mean(k)); keep top(3) }
    select coarse { unit q: block(8), k: block(8); score dot(mean(q), mean(k)); keep fraction(0.5) over head; among fine & q - k > 2 }
    attend coarse | current`,
  "one choice among those of rows": `space seq causal
    select rows { unit q: block(4), k: block(4); score dot(mean(q), mean(k)); keep top(2) + forced; force current }
    select shared { unit k: block(4); score sum(dot(q, mean(k)), over: q); keep top(3); among !rows & k > 3; snap block(8) }
    attend rows | shared`,
  "top a by x, then b by y": `space seq causal
    select x { unit q: token, k: block(4); score softmax(dot(q, mean(k))); group max over kvh; keep top_p(0.5) min 1 max 2; force local(1) }
    select y { unit q: token, k: block(4); score sum(mean(k), over: dim); group max over kvh; keep top(5); force x | k < 4 }
    select z { unit q: token, k: block(4); score sum(mean(k), over: dim); keep threshold(2) + forced min 1; force first(1) | x.min & q - k > 3 }
    attend y & k % 3 != 0 | z`,
  "distances among keys": `space seq causal
    select blocks { unit q: block(8), k: block(8); score dot(mean(q), mean(k)); keep top(1) }
    select diags { unit diag: token; score sum(dot(q.last(8), k), over: diag); keep top(4); among blocks; force first(2) }
    select keys { unit q: token, k: token; score dot(q, k); keep top(3); among diags & blocks }
    attend diags | keys`,
  "among what a pattern selects": `space seq full
    select fine { unit q: block(4), k: token; score dot(mean(q), k); keep top(5); among some_blocks(2) | some_blocks(1) & k % 2 == 0 }
    attend fine | some_blocks(1)
---
pattern some_blocks(n = 3) {
  select b { unit q: block(8), k: block(8); score dot(mean(q), mean(k)); keep top(n) }
  attend b
}
`,
  "among whole tiles": `space seq causal
    select x { unit q: block(4), k: block(4); score dot(mean(q), mean(k)); keep top(1); snap block(8) }
    select y { unit q: block(2), k: block(2); score dot(mean(q), mean(k)); keep top(5); among x }
    attend y`,
  "nothing to choose among": `space seq cross
    select none_of { unit q: block(4), k: block(4); score dot(mean(q), mean(k)); keep top(0) }
    select left { unit q: block(4), k: block(4); score dot(mean(q), mean(k)); keep top(3); among none_of; force first(1) }
    attend left`,
}; // prettier-ignore

/** Selections of tiles of a layout: programs of grids, with the number of their tokens. */
const tiled: Readonly<Record<string, readonly [body: string, N: number]>> = {
  "boxes of a grid": ["space grid(y: 6, x: 7)\nlayout tiles(2, 3)\nselect b { unit q: tile(6), k: tile(6); score dot(mean(q), mean(k)); keep top(3) }\nattend b", 42],
  "tokens choose boxes": ["space grid(t: 2, y: 5, x: 4)\nlayout tiles(2, 2, 2)\nselect b { unit q: token, k: tile(8); score softmax(dot(q, mean(k)) * scale); keep top_p(0.6) min 1; force current }\nattend b", 40],
  "tiles choose tokens": ["space grid(y: 6, x: 6) + text(3)\nlayout tiles(3, 3)\nselect b { unit q: tile(9), k: token; score dot(max(q), k); keep top(5); force q.y == k.y | text }\nattend b", 39],
  "a Hilbert-like curve, all of a head": ["space grid(y: 6, x: 9)\nlayout curve(gilbert)\nselect b { unit q: tile(8), k: tile(4); score dot(mean(mean(q, tile(4))), min(k)); keep top(11) over head; force local(1) }\nattend b & near(x, window: 5)", 54],
  "a curve through a box": ["space grid(t: 3, y: 4, x: 5)\nlayout curve(gilbert)\nselect b { unit k: tile(5); score mean(dot(q, mean(k)), over: q); keep fraction(0.3); force first(1) + last(1) }\nattend b", 60],
  "a causal grid by bits": ["space grid(y: 8, x: 4) causal\nlayout curve(morton)\nselect b { unit q: tile(8), k: tile(4); score softmax(dot(sum(q), mean(k))) / size(k) + size(q); keep top(2); force current }\nattend b", 32],
  "residues": ["space seq causal\nlayout residues(2)\nprobe p = softmax(dot(q.last(20), k) * scale)\nselect b { unit q: tile(16), k: tile(16); score dot(mean(q), mean(k)) - 0.25 * abs(end(q) - start(k)); keep top(3); force q == k }\nselect c { unit k: tile(32); score sum(p, over: q); keep top(2) }\nattend b & (q - k) % 2 == 0 | c", 150],
  "tiles among tiles": ["space grid(y: 8, x: 8)\nlayout curve(hilbert)\nselect a { unit q: tile(16), k: tile(16); score dot(mean(q), mean(k)); keep top(2) }\nselect b { unit q: tile(4), k: tile(4); score dot(max(q), mean(k)); among a & q.x >= k.x; keep top(3); force a & q == k }\nattend b", 64],
  "tiles choose clusters": ["space grid(y: 6, x: 6)\nlayout tiles(3, 3)\nselect b { unit q: tile(9), k: cluster(5, iters: 1); score dot(mean(q), mean(k)); keep top(2) }\nattend b", 36],
  "no layout": ["space seq causal\nselect b { unit q: tile(8), k: tile(8); score dot(mean(q), mean(k, tile(8))); keep top(2); force local(1) }\nattend b", 37],
}; // prettier-ignore

test.each(Object.entries(tiled))("tiles, %s: interpreter and oracle agree", (_, [body, N]) => {
  for (const NQ of [N, Math.ceil(N / 3), 1]) {
    for (const exact of [true, false]) {
      const { checks, difference } = interpreted(bodyOf(body), launchOf(N, NQ, exact), batch);
      expect(
        checks.filter((check) => !check.ok),
        `${NQ} queries`,
      ).toEqual([]);
      expect(checks.length).toBeGreaterThan(0);
      expect(difference).toBe(undefined);
    }
  }
});

/** Selections of clusters: as many as there are tokens or more leave some empty. */
const clustered: Readonly<Record<string, string>> = {
  "clusters choose clusters": "space seq full\nselect c { unit q: cluster(5, iters: 2), k: cluster(7, iters: 1); score softmax(dot(mean(q), mean(k)) * scale + log(size(k))); keep top_p(0.6) min 2 }\nattend c",
  "tokens choose clusters": "space seq causal\nselect c { unit q: token, k: cluster(6, iters: 1); score softmax(dot(q, mean(k)) * scale + log(size(k))); group mean over kvh; keep top(2) }\nattend c | q - k < 3",
  "clusters choose blocks": "space seq causal\nselect c { unit q: cluster(4, iters: 0), k: block(8); score dot(max(q), mean(k)) + end(q) - size(q); keep top(2) }\nattend c | current",
  "blocks choose clusters": "space seq cross\nselect c { unit q: block(4), k: cluster(40, iters: 1); score end(k) - 2 * start(k) + size(k) * size(q) + sum(sum(k), over: dim); keep fraction(0.2) over head }\nattend c",
  "one choice for all queries": "space seq causal\nselect c { unit k: cluster(5, iters: 2); score sum(softmax(dot(q.last(4), k) * scale), over: q); keep top(2) }\nattend c & k > 3 | local(2)",
  "levels of clusters, twice": `space seq causal
    select a { unit k: cluster(5, iters: 1); score size(k) + 0 * sum(mean(k), over: dim); keep levels(1: top(1), 2: top(3)) }
    select b { unit q: token, k: cluster(5, iters: 2); score dot(q, mean(k)); keep threshold(0) }
    attend a.level(1) | a.level(2) & k % 2 == 0 if h < 2 else b | current`,
}; // prettier-ignore

test.each(Object.entries(clustered))("clusters, %s: interpreter and oracle agree", (_, body) => {
  for (const [NQ, exact] of [
    [37, true],
    [5, false],
  ] as const) {
    const { checks, difference } = interpreted(bodyOf(body), launchOf(37, NQ, exact), batch);
    expect(
      checks.filter((check) => !check.ok),
      `${NQ} queries`,
    ).toEqual([]);
    expect(checks.length).toBeGreaterThan(1);
    expect(difference).toBe(undefined);
  }
});

/** Clusters around centroids of the caller: those of a kv head, of all heads, of query heads. */
const warm: Readonly<Record<string, string>> = {
  "clusters of keys": "space seq full\ninput ck : centroids(6)\nselect c { unit q: token, k: cluster(6, iters: 0, from: ck); score dot(q, mean(k)); keep top(2) }\nattend c",
  "clusters of both": "space seq cross\ninput cq : centroids(q, 2 + 2)\ninput ck : centroids(k, 6)\nselect c { unit q: cluster(4, iters: 1, from: cq), k: cluster(6, iters: 2, from: ck); score softmax(dot(mean(q), mean(k)) * scale + log(size(k))); keep top_p(0.6) }\nselect d { unit q: token, k: cluster(6, iters: 1); score dot(q, mean(k)); keep top(1) }\nattend c | d",
}; // prettier-ignore

test.each(Object.entries(warm))("centroids of the caller, %s: interpreter and oracle agree", (_, body) => {
  for (const own of [1, kvHeads]) {
    const shapes = { cq: [1, own === 1 ? heads : kvHeads, 4, headDim], ck: [own === 1 ? batch : 1, own, 6, headDim] };
    const { checks, difference } = interpreted(bodyOf(body), launchOf(37, 12, own === 1, shapes), batch);
    expect(
      checks.filter((check) => !check.ok),
      `${own} heads`,
    ).toEqual([]);
    expect(checks.length).toBeGreaterThan(1);
    expect(difference).toBe(undefined);
  }
});

/** Clusters that the caller says: some tokens are in none, and some clusters are empty. */
const told: Readonly<Record<string, string>> = {
  "tokens choose sentences": "space seq causal\ninput doc : ids\nselect c { unit q: token, k: cluster(5, ids: doc); score dot(q, mean(k)) + end(k) - start(k); group max over h; keep top(2) }\nattend c | q - k < 3",
  "sentences choose sentences": "space seq full\ninput doc : ids\nselect c { unit q: cluster(4, ids: doc), k: cluster(6, ids: doc); score softmax(dot(mean(q), mean(k)) * scale + log(size(k))); keep top_p(0.6) }\nattend c | doc[q] == doc[k]",
  "queries and keys": "space seq cross\ninput dq : ids(q)\ninput dk : ids(k)\nselect c { unit q: cluster(4, ids: dq), k: cluster(40, ids: dk); score dot(max(q), min(k)) + size(k) - size(q) + end(q); group sum over kvh; keep fraction(0.3) over head }\nattend c",
  "both kinds": "space seq causal\ninput doc : ids\nselect c { unit q: cluster(5, iters: 1), k: cluster(6, ids: doc); score dot(mean(q), mean(k)); keep top(2) }\nattend c",
  "one choice for all queries": "space seq causal\ninput doc : ids\nselect c { unit k: cluster(6, ids: doc); score sum(sum(q.last(3)), over: dim) * size(k) + sum(sum(k), over: dim); keep top(2) }\nattend c",
}; // prettier-ignore

test.each(Object.entries(told))("clusters of the caller, %s: interpreter and oracle agree", (_, body) => {
  for (const [N, NQ, exact] of [
    [37, 37, true],
    [300, 5, false],
  ] as const) {
    const source = random(N);
    const ids = (length: number, entries: number): OracleInput => {
      const data = Array.from({ length: entries * length }, () => source.pick([-7, 0, 1, 1, 3, 4, 5, 6, 1 << 29]));
      return { kind: "ids", shape: [entries, length], data };
    };
    const launch = launchOf(N, NQ, exact);
    const inputs = { doc: ids(N, batch), dq: ids(NQ, 1), dk: ids(N, batch) };
    const { checks, difference } = interpreted(bodyOf(body), { ...launch, inputs }, batch);
    expect(
      checks.filter((check) => !check.ok),
      `${N} keys`,
    ).toEqual([]);
    expect(checks.length).toBeGreaterThan(0);
    expect(difference).toBe(undefined);
  }
});

const inputShapes = (N: number, NQ: number): Readonly<Record<string, readonly number[]>> => {
  const rows = Math.floor((N - 1) / 8) - Math.floor((N - NQ) / 8) + 1;
  return {
    g: [1, heads, rows, Math.ceil(N / 8)],
    c: [batch, kvHeads, headDim],
    w: [1, kvHeads, N],
    u: [batch, heads, NQ],
    cl: [batch, kvHeads, Math.floor(N / 8), headDim],
    ck: [batch, 1, Math.max(0, Math.floor((N - 8) / 4) + 1), headDim],
  };
};

test.each(Object.entries(programs))("%s: interpreter and oracle agree", (_, text) => {
  const [body, patterns = ""] = text.split("\n---\n") as [string, string?];
  // prettier-ignore
  for (const [N, NQ] of [[37, 37], [45, 14], [24, 1], [3, 3], ...(text.includes("fold(") ? [[9, 9] as const] : [])] as const) {
    for (const exact of [true, false]) {
      const shapes = Object.entries(inputShapes(N, NQ)).filter(([name]) => body.includes(`input ${name} `));
      const { checks, difference } = interpreted(patterns + bodyOf(body), launchOf(N, NQ, exact, Object.fromEntries(shapes)), batch);
      expect(checks.filter((check) => !check.ok), `${N} keys, ${NQ} queries`).toEqual([]);
      expect(checks.length).toBeGreaterThan(0);
      expect(difference).toBe(undefined);
    }
  }
});
