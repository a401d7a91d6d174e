import type { Case } from "./case.js";
import { never, shareWith } from "./kept.js";
import { keysOf, perRow, queryOf } from "./pieces.js";
import { dot, range, sum, type Vectors } from "./tensors.js";

/** The mean of some vectors. */
const mean = (some: Vectors): readonly number[] => some[0]!.map((_, d) => sum(some.map((each) => each[d]!)) / some.length);

const apart = (a: readonly number[], b: readonly number[]): number => sum(a.map((x, d) => (x - b[d]!) ** 2));

/** The cluster of each token after some updates of centroids that start at tokens spread evenly. */
function clustersOf(tokens: Vectors, count: number, updates: number): readonly number[] {
  let centroids = range(count).map((i) => tokens[Math.floor((i * tokens.length) / count)]!);
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

/** Attentions of clusters.attn. */
export const clusterCases: readonly Case[] = [
  {
    pattern: "clusters.attn#svg2",
    sizes: { N: 90, heads: 2, kvHeads: 1 },
    launch: () => ({ params: { queries: 7, keys: 21, p: 0.3, words: 10 }, layer: 3, layers: 4, step: 5, steps: 10 }),
    rule: (call) => {
      const of = perRow((h) => {
        const [q, k] = [clustersOf(call.q[h]!, 7, 2), clustersOf(keysOf(call, h), 21, 2)];
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
    },
  },
  {
    pattern: "clusters.attn#squeezed_clusters",
    sizes: { N: 80, NQ: 30, heads: 2, kvHeads: 1 },
    launch: () => ({ params: { context: 60, clusters: 9, iters: 2, t: 0.015 } }),
    rule: (call) => {
      const clusters = perRow((h) => clustersOf(keysOf(call, h), 9, 2));
      const passing = perRow((h, i) => {
        const own = clusters(h, 0);
        const seen = range(9).filter((c) => own.includes(c) && own.indexOf(c) <= i);
        const raised = (c: number): number =>
          Math.exp(call.scale * dot(queryOf(call, h, i), mean(keysOf(call, h).filter((_, t) => own[t] === c))));
        const total = sum(seen.map((c) => own.filter((each) => each === c).length * raised(c)));
        return new Set(seen.filter((c) => raised(c) / total >= 0.015));
      });
      return (h, i, j) => j <= i && (j >= 60 || passing(h, i).has(clusters(h, 0)[j]!));
    },
  },
];
