import type { OracleInput } from "../../../compiler/oracle/oracle.js";
import type { Case } from "./case.js";
import { bestWith, never, shareWith } from "./kept.js";
import { floats, groupHeads, keysOf, perRow, queryOf, vectorOf, type Pairs } from "./pieces.js";
import type { Call } from "./selected.js";
import { dot, range, sum, type Vectors } from "./tensors.js";

/** The mean of some vectors. */
const mean = (some: Vectors): readonly number[] => some[0]!.map((_, d) => sum(some.map((each) => each[d]!)) / some.length);

const apart = (a: readonly number[], b: readonly number[]): number => sum(a.map((x, d) => (x - b[d]!) ** 2));

/** The cluster of each token after some updates of centroids that start at tokens spread evenly, or where they are said to. */
function clustersOf(tokens: Vectors, count: number, updates: number, from?: Vectors): readonly number[] {
  let centroids = from ?? range(count).map((i) => tokens[Math.floor((i * tokens.length) / count)]!);
  const nearest = (): number[] =>
    tokens.map((token) => {
      const distances = centroids.map((centroid) => apart(token, centroid));
      return distances.indexOf(Math.min(...distances));
    });
  let found = nearest();
  for (let i = 0; i < updates; i++) {
    centroids = centroids.map((centroid, c) => (found.includes(c) ? mean(tokens.filter((_, t) => found[t] === c)) : centroid));
    found = nearest();
  }
  return found;
}

/** The clusters of keys that each cluster of queries reads by Sparse VideoGen 2, and which token is in which. */
function videoRule(call: Call, clustersOfHead: (h: number) => readonly [q: readonly number[], k: readonly number[]]): Pairs {
  const of = perRow((h) => {
    const [q, k] = clustersOfHead(h);
    const members = (tokens: Vectors, clusters: readonly number[], c: number): Vectors => tokens.filter((_, t) => clusters[t] === c);
    const kept = perRow((_, c) => {
      const own = mean(members(call.q[h]!, q, c));
      const raised = range(21).map((each) => {
        const keys = members(keysOf(call, h), k, each);
        return keys.length === 0 ? 0 : keys.length * Math.exp(call.scale * dot(own, mean(keys)));
      });
      return shareWith(raised, 0.3, never, 3);
    });
    return { q, k, kept };
  });
  return (h, i, j) => {
    const { q, k, kept } = of(h, 0);
    return i >= 80 || j >= 80 || kept(h, q[i]!).has(k[j]!);
  };
}

/** Squeezed Attention's clusters that pass for each query, beside all keys behind a context of 60. */
function squeezedRule(call: Call, clustersOfHead: (h: number) => readonly number[]): Pairs {
  const clusters = perRow((h) => clustersOfHead(h));
  const passing = perRow((h, i) => {
    const own = clusters(h, 0);
    const seen = range(9).filter((c) => own.includes(c) && own.indexOf(c) <= i);
    const raised = (c: number): number =>
      Math.exp(call.scale * dot(queryOf(call, h, i), mean(keysOf(call, h).filter((_, t) => own[t] === c))));
    const total = sum(seen.map((c) => own.filter((each) => each === c).length * raised(c)));
    return new Set(seen.filter((c) => raised(c) / total >= 0.015));
  });
  return (h, i, j) => j <= i && (j >= 60 || passing(h, i).has(clusters(h, 0)[j]!));
}

/** Chunks of three tokens, of one, of eight, and so on; the last number is that of no chunk. */
const chunkOf = (token: number): number => [0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3][token % 14]! + 4 * Math.floor(token / 14);
const chunks = (N: number): OracleInput => ({ kind: "ids", shape: [1, N], data: range(N).map(chunkOf) });

/** Each query reads the n best of the chunks that begin before it, by a score of its own vector and a chunk's keys. */
function chunkRule(
  call: Call,
  n: number,
  score: (h: number, i: number, keys: Vectors) => number,
  besides: (i: number, j: number) => boolean,
): Pairs {
  const kept = perRow((h, i) => {
    const scores = range(Math.min(12, chunkOf(i) + 1)).map((c) =>
      score(
        h,
        i,
        keysOf(call, h).filter((_, t) => chunkOf(t) === c),
      ),
    );
    return bestWith(scores, n, never);
  });
  return (h, i, j) => j <= i && (besides(i, j) || kept(h, i).has(chunkOf(j)));
}

/** Attentions of clusters.attn and sentences.attn. */
export const clusterCases: readonly Case[] = [
  {
    pattern: "clusters.attn#svg2",
    sizes: { N: 90, heads: 2, kvHeads: 1 },
    launch: () => ({ params: { queries: 7, keys: 21, p: 0.3, words: 10 }, layer: 3, layers: 4, step: 5, steps: 10 }),
    rule: (call) => videoRule(call, (h) => [clustersOf(call.q[h]!, 7, 2), clustersOf(keysOf(call, h), 21, 2)]),
  },
  {
    pattern: "clusters.attn#svg2_next",
    sizes: { N: 90, heads: 2, kvHeads: 1 },
    launch: ({ headDim }) => ({
      params: { queries: 7, keys: 21, p: 0.3, words: 10 },
      inputs: { cq: floats([1, 2, 7, headDim], 4), ck: floats([1, 1, 21, headDim], 5) },
    }),
    rule: (call, { inputs }) =>
      videoRule(call, (h) => {
        const given = (name: string, head: number, count: number): Vectors => range(count).map((c) => vectorOf(inputs![name], head, c));
        return [clustersOf(call.q[h]!, 7, 2, given("cq", h, 7)), clustersOf(keysOf(call, h), 21, 2, given("ck", 0, 21))];
      }),
  },
  {
    pattern: "clusters.attn#squeezed_clusters",
    sizes: { N: 80, NQ: 30, heads: 2, kvHeads: 1 },
    launch: () => ({ params: { context: 60, clusters: 9, iters: 2, t: 0.015 } }),
    rule: (call) => squeezedRule(call, (h) => clustersOf(keysOf(call, h), 9, 2)),
  },
  {
    pattern: "clusters.attn#squeezed_offline",
    sizes: { N: 80, NQ: 30, heads: 2, kvHeads: 1 },
    launch: ({ headDim }) => ({ params: { context: 60, clusters: 9, t: 0.015 }, inputs: { c: floats([1, 1, 9, headDim], 4) } }),
    rule: (call, { inputs }) => {
      const given = range(9).map((c) => vectorOf(inputs!["c"], 0, c));
      return squeezedRule(call, (h) => clustersOf(keysOf(call, h), 9, 0, given));
    },
  },
  {
    pattern: "sentences.attn#dhsa",
    sizes: { N: 60, NQ: 25, heads: 2, kvHeads: 1 },
    // Of the tokens behind chunk 11 none is read but by their own chunk.
    launch: ({ N }) => ({ params: { chunks: 12, n: 3 }, inputs: { chunk: chunks(N) } }),
    rule: (call) =>
      chunkRule(
        call,
        3,
        (h, i, keys) => (dot(queryOf(call, h, i), mean(keys)) * keys.length) / Math.sqrt(keys.length),
        (i, j) => chunkOf(i) === chunkOf(j),
      ),
  },
  {
    pattern: "sentences.attn#sentence_kv",
    sizes: { N: 60, NQ: 25, heads: 4, kvHeads: 2 },
    launch: ({ N }) => ({ params: { sentences: 12, n: 3, recent: 4 }, inputs: { sentence: chunks(N) } }),
    rule: (call) =>
      chunkRule(
        call,
        3,
        (h, i, keys) => sum(groupHeads(call, h).map((other) => dot(queryOf(call, other, i), mean(keys)))),
        (i, j) => i - j < 4,
      ),
  },
  {
    pattern: "sentences.attn#leo_am",
    sizes: { N: 60, NQ: 25, heads: 2, kvHeads: 1 },
    launch: ({ N }) => ({ params: { chunks: 12, n: 3, recent: 4 }, inputs: { chunk: chunks(N) } }),
    rule: (call) =>
      chunkRule(
        call,
        3,
        (h, i, keys) => sum(queryOf(call, h, i).map((x, d) => Math.max(...keys.map((key) => x * key[d]!)))),
        (i, j) => i - j < 4,
      ),
  },
];
