import type { Case } from "./case.js";
import { bestWith, shareWith } from "./kept.js";
import { mobaBlocks } from "./key-blocks.js";
import { added, among, blockMeans, byToken, div, groupHeads, keysOf, kvOf, meansUpTo, perRow, queryOf, type Pairs } from "./pieces.js";
import type { Call } from "./selected.js";
import { blocksOf, dot, meanOf, meanVector, range, softmax, sum, topPlaces, type Vectors } from "./tensors.js";

const grouped = { heads: 4, kvHeads: 2 };

/** VMoBA over blocks of tokens that `blockOf` tells apart. */
function vmoba(call: Call, blockOf: (i: number) => number): Pairs {
  const blocks = Math.max(...range(call.N).map(blockOf)) + 1;
  const inside = range(blocks).map((block) => range(call.N).filter((i) => blockOf(i) === block));
  const heads = range(call.heads).map((h) => {
    const means = inside.map((block) => meanOf(block.map((j) => keysOf(call, h)[j]!)));
    const flat = range(call.N).flatMap((i) => {
      const gate = means.map((mean) => dot(queryOf(call, h, i), mean));
      const [low, high] = [Math.min(...gate), Math.max(...gate)];
      return gate.map((x) => (x - low) / Math.max(high - low, 0.001));
    });
    return shareWith(flat, 0.25, (place) => blockOf(div(place, blocks)) === place % blocks);
  });
  return (h, i, j) => heads[h]!.has(i * blocks + blockOf(j));
}

/** Attentions of block_means.attn: blocks of keys by one vector for each. */
export const meanCases: readonly Case[] = [
  {
    pattern: "block_means.attn#moba",
    sizes: { N: 53, ...grouped },
    launch: () => ({ params: { block: 8, n: 3 } }),
    rule: (call) => byToken(8, (h, i) => mobaBlocks(queryOf(call, h, i), keysOf(call, h), i, 8, 3)),
  },
  {
    pattern: "block_means.attn#act_qkv",
    sizes: { N: 60, NQ: 20, ...grouped },
    launch: () => ({ params: { page: 4, n: 4, recent: 6 } }),
    rule: (call) => {
      const pages = range(call.heads).map((h) => {
        const queries = call.q[h]!;
        const lengths = queries.map((query) => Math.sqrt(dot(query, query)));
        const probe = queries[0]!.map((_, c) => sum(queries.map((query, i) => query[c]! * lengths[i]!)) / sum(lengths));
        return topPlaces(blockMeans(call, h, 1, 4).k.map((mean) => dot(probe, mean)), 4); // prettier-ignore
      });
      return (h, i, j) => j <= i && (i - j < 6 || pages[h]!.has(div(j, 4)));
    },
  },
  {
    pattern: "block_means.attn#flash_moba",
    sizes: { N: 40, NQ: 11, ...grouped },
    launch: () => ({ params: { block: 4, n: 2 } }),
    rule: (call) => byToken(4, (h, i) => mobaBlocks(queryOf(call, h, i), keysOf(call, h), i, 4, 2)),
  },
  {
    // Brought to 0..1 for each query; over all pairs of a head until a quarter of the mass, own blocks first.
    pattern: "block_means.attn#vmoba",
    sizes: { N: 44 },
    launch: () => ({ params: { block: 8, p: 0.25 } }),
    rule: (call) => vmoba(call, (i) => div(i, 8)),
  },
  {
    // Patches of two by two in all of the frames.
    pattern: "block_means.attn#vmoba_2d",
    sizes: { N: 2 * 4 * 6 },
    launch: () => ({ params: { frames: 2, height: 4, width: 6, rows: 2, columns: 2, p: 0.25 } }),
    rule: (call) => vmoba(call, (i) => 3 * div(div(i, 6) % 4, 2) + div(i % 6, 2)),
  },
  {
    pattern: "block_means.attn#vmoba_3d",
    sizes: { N: 4 * 4 * 4 },
    launch: () => ({ params: { frames: 4, height: 4, width: 4, depth: 2, rows: 2, columns: 2, p: 0.25 } }),
    rule: (call) => vmoba(call, (i) => 4 * div(i, 32) + 2 * div(div(i, 4) % 4, 2) + div(i % 4, 2)),
  },
  {
    pattern: "block_means.attn#kinetics_blocks",
    sizes: { N: 90, NQ: 6, ...grouped },
    launch: () => ({ params: { block: 8, n: 5, sink: 1, recent: 2 } }),
    rule: (call) =>
      byToken(8, (h, i) => {
        const gates = groupHeads(call, h).map((other) => meansUpTo(call, h, i, 8).map((mean) => dot(queryOf(call, other, i), mean)));
        const own = div(i, 8);
        return bestWith(added(gates), 5, (b) => b < 1 || b > own - 2);
      }),
  },
  {
    pattern: "block_means.attn#kinetics_tokens",
    sizes: { N: 60, NQ: 6, ...grouped },
    launch: () => ({ params: { n: 20, sink: 3, recent: 5 } }),
    rule: (call) =>
      byToken(1, (h, i) => {
        const scores = groupHeads(call, h).map((other) => range(i + 1).map((j) => dot(queryOf(call, other, i), keysOf(call, h)[j]!)));
        return bestWith(added(scores), 20, (j) => j < 3 || j > i - 5);
      }),
  },
  {
    pattern: "block_means.attn#shadow_kv",
    sizes: { N: 157, NQ: 4, ...grouped },
    launch: () => ({ params: { n: 5, recent: 2, odd: 3 } }),
    rule: (call) => {
      const length = (vector: readonly number[]): number => Math.sqrt(dot(vector, vector));
      const outliers = range(call.kvHeads).map((kvh) => {
        const chunks = range(blocksOf(call.N, 8)).map((b) => call.k[kvh]!.slice(b * 8, b * 8 + 8));
        const likeness = chunks.map((keys) => {
          const mean = meanVector(keys, 0, 8);
          return Math.min(...keys.map((key) => dot(key, mean) / length(key) / length(mean)));
        });
        return topPlaces(likeness.map((cosine) => -cosine), 3); // prettier-ignore
      });
      const best = perRow((h, i) => {
        // The mean of a chunk is over its keys, those behind the query among them.
        const means = meansUpTo(call, h, i, 8);
        const heads = groupHeads(call, h).map((other) => softmax(means.map((mean) => call.scale * dot(queryOf(call, other, i), mean))));
        const recent = (b: number): boolean => b > div(i, 8) - 2;
        const greatest = means.map((_, b) => Math.max(...heads.map((masses) => masses[b]!)));
        const chosen = topPlaces(among(greatest, (b) => !recent(b)), 5); // prettier-ignore
        return (b: number): boolean => recent(b) || chosen.has(b);
      });
      return (h, i, j) => j <= i && (best(h, i)(div(j, 8)) || outliers[kvOf(call, h)]!.has(div(j, 8)));
    },
  },
  {
    // The landmark is the last token of its block; in a block that is not full, its last token.
    pattern: "block_means.attn#landmark",
    sizes: { N: 75, NQ: 9, ...grouped },
    launch: () => ({ params: { block: 9, n: 3 } }),
    rule: (call) =>
      byToken(9, (h, i) => {
        const own = div(i, 9);
        const gate = range(own + 1).map((b) => dot(queryOf(call, h, i), keysOf(call, h)[Math.min(b * 9 + 8, call.N - 1)]!));
        return bestWith(gate, 3, (b) => b === own);
      }),
  },
  {
    pattern: "block_means.attn#even_chunks",
    sizes: { N: 75, NQ: 9, ...grouped },
    launch: () => ({ params: { chunk: 8, n: 3 } }),
    rule: (call) =>
      byToken(8, (h, i) => {
        const own = div(i, 8);
        const gate = range(own + 1).map((b) => {
          const keys = keysOf(call, h).slice(b * 8, (b + 1) * 8);
          return sum(keys.map((key) => dot(queryOf(call, h, i), key))) / Math.sqrt(keys.length);
        });
        return bestWith(gate, 3, (b) => b === own);
      }),
  },
  {
    // exp(q . c) over the sum of n_j exp(q . c_j), against one threshold; what is behind the context is seen.
    pattern: "block_means.attn#squeezed",
    sizes: { N: 70, NQ: 20, ...grouped },
    launch: () => ({ params: { context: 48, cluster: 6, t: 0.02 } }),
    rule: (call) => {
      const open = perRow((h, i) => {
        const raised = range(8).map((b) => Math.exp(call.scale * dot(queryOf(call, h, i), meanVector(keysOf(call, h), b * 6, b * 6 + 6))));
        return raised.map((x) => x / sum(raised.map((y) => 6 * y)) >= 0.02);
      });
      return (h, i, j) => j <= i && (j >= 48 || open(h, i)[div(j, 6)]!);
    },
  },
  {
    // Both levels compare with sums over the whole context; a cluster counts if its own and the one around it pass.
    pattern: "block_means.attn#squeezed_twice",
    sizes: { N: 70, NQ: 20, ...grouped },
    launch: () => ({ params: { context: 48, clusters: 12, cluster: 6, coarse: 0.02, t: 0.03 } }),
    rule: (call) => {
      const passing = (size: number, t: number) =>
        perRow((h, i) => {
          const keys = keysOf(call, h);
          const raised = range(48 / size).map((b) =>
            Math.exp(call.scale * dot(queryOf(call, h, i), meanVector(keys, b * size, (b + 1) * size))),
          );
          return raised.map((x) => x / (size * sum(raised)) >= t);
        });
      const [groups, clusters] = [passing(12, 0.02), passing(6, 0.03)];
      return (h, i, j) => j <= i && (j >= 48 || (groups(h, i)[div(j, 12)]! && clusters(h, i)[div(j, 6)]!));
    },
  },
  {
    // Stages of chunks of 32, 16 and 4 keys, each inside of the one before; the sink and the window on top of each.
    pattern: "block_means.attn#hip",
    sizes: { N: 250, NQ: 203 },
    launch: () => ({
      params: { far: 96, near: 48, n: 20, big: 32, middle: 16, small: 4, block: 16, sink: 10, window: 30, dense: 1 },
      layer: 1,
      layers: 4,
    }),
    rule: (call) => {
      const stages = [
        [32, 96],
        [16, 48],
        [4, 20],
      ] as const;
      return inStages(call, { block: 16, sink: 10, window: 30, stages }, (h, queries) => {
        const mean = meanVector(queries, 0, queries.length);
        return (size, b) => dot(mean, keysOf(call, h)[b * size]!);
      });
    },
  },
  {
    // Chunks of 256, 32 and 8 keys, each searched for its best key; means of 2 queries in the first two stages.
    pattern: "block_means.attn#hip_searched",
    sizes: { N: 620, NQ: 43, heads: 2, kvHeads: 1 },
    launch: () => ({ params: { far: 256, near: 96, n: 32, block: 16, near_q: 2, sink: 10, window: 30, dense: 1 }, layer: 1, layers: 4 }),
    rule: (call) => {
      const stages = [
        [256, 256],
        [32, 96],
        [8, 32],
      ] as const;
      return inStages(call, { block: 16, sink: 10, window: 30, stages }, (h, queries, start) => {
        const pairOf = (i: number): number => div(start + i, 2) - div(start, 2);
        const pairs = range(pairOf(queries.length - 1) + 1).map((pair) => queries.filter((_, i) => pairOf(i) === pair));
        const near = pairs.map(meanOf);
        return (size, b) => searched(size === 8 ? queries : near, keysOf(call, h), b * size, size);
      });
    },
  },
];

/** The queries of a block, the first of which stands at `start`, give a chunk of so many keys its score. */
type ChunkScore = (h: number, queries: Vectors, start: number) => (size: number, chunk: number) => number;

interface Stages {
  readonly block: number;
  readonly sink: number;
  readonly window: number;
  /** Sizes of chunks, and the keys that are kept. */
  readonly stages: readonly (readonly [size: number, budget: number])[];
}

/** Each stage keeps chunks that lie in those that the one before kept; sink and window come on top. */
function inStages(call: Call, { block, sink, window, stages }: Stages, scoreOf: ChunkScore): Pairs {
  const first = call.N - call.NQ;
  const best = perRow((h, qb) => {
    const rows = range(block).map((r) => qb * block + r).filter((i) => i >= first && i < call.N); // prettier-ignore
    const score = scoreOf(
      h,
      rows.map((i) => queryOf(call, h, i)),
      rows[0]!,
    );
    let seen = (_: number): boolean => true;
    for (const [size, budget] of stages) {
      const chunks = range(blocksOf(rows.at(-1)! + 1, size));
      const keys = (b: number): number[] => range(size).map((c) => b * size + c);
      const touched = (b: number): boolean => rows.some((i) => keys(b).some((j) => j <= i && (j < sink || i - j < window)));
      const outer = seen;
      const open = (b: number): boolean => !touched(b) && rows.some((i) => keys(b).some((j) => j <= i && outer(j)));
      const chosen = topPlaces(
        among(
          chunks.map((b) => score(size, b)),
          open,
        ),
        budget / size,
      );
      seen = (j) => touched(div(j, size)) || chosen.has(div(j, size));
    }
    return seen;
  });
  return (h, i, j) => j <= i && best(h, div(i, block))(j);
}

/**
 * HiP's scan: the half whose middle key scores more goes on, the right one of two alike. What ends before its middle has its
 * first key there, and what is not there at all is the half before it.
 */
function searched(queries: Vectors, keys: Vectors, start: number, size: number): number {
  const score = (j: number): number => Math.max(...queries.map((query) => dot(query, keys[j]!)));
  let [best, from] = [-Infinity, start];
  for (let half = size / 2; half >= 1; half /= 2) {
    const halves = [from, from + half < keys.length ? from + half : from];
    const scores = halves.map((at) => {
      const middle = at + Math.floor(half / 2);
      return score(middle < keys.length ? middle : at);
    });
    const wins = scores[0]! > scores[1]! ? 0 : 1;
    best = Math.max(best, scores[wins]!);
    from = halves[wins]!;
  }
  return best;
}
