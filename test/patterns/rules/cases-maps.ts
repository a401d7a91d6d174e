import { spargeBlocks, sparseD } from "./block-maps.js";
import type { Case } from "./case.js";
import { bestWith, never, shareWith } from "./kept.js";
import { blockSparse } from "./minference.js";
import { among, blockMeans, columnMass, div, keysOf, kvOf, lastRows, perRow, pooledRow, queryOf } from "./pieces.js";
import { idsOf } from "../formula.js";
import type { Call } from "./selected.js";
import { blocksOf, dot, fourBits, meanOf, range, softmax, sum } from "./tensors.js";

/** Levels of the pyramid, and the shares of the mass that they end at. */
const shares = [[1, 0.3], [2, 0.5], [4, 0.7], [8, 0.9]] as const; // prettier-ignore

/** The level of each block of 8 keys for a row of queries: that of the first share that it is needed for. */
const levelsOf = (call: Call) =>
  perRow((h, qb) => {
    const masses = pooledRow(call, h, qb, [8, 8], false);
    const within = shares.map(([each, p]) => [each, shareWith(masses, p, never)] as const);
    return new Map(range(masses.length).map((kb) => [kb, within.find(([, kept]) => kept.has(kb))?.[0]]));
  });

/** Attentions of block_maps.attn: pairs of blocks of queries and keys. */
export const mapCases: readonly Case[] = [
  {
    pattern: "block_maps.attn#minference_blocks",
    sizes: { N: 250, heads: 4, kvHeads: 2 },
    launch: () => ({ params: { n: 2 } }),
    rule: (call) => {
      const kept = range(call.heads).map((h) => blockSparse(call.q[h]!, keysOf(call, h), 2));
      return (h, i, j) => j <= i && kept[h]![div(i, 64)]!.has(div(j, 64));
    },
  },
  {
    pattern: "block_maps.attn#pbs_blocks",
    sizes: { N: 150 },
    launch: () => ({ params: { block: 16, segment: 32, p: 0.6 } }),
    rule: (call) => {
      const row = perRow((h, qb) => {
        const masses = among(pooledRow(call, h, qb, [16, 16], true), (b) => b <= qb);
        return shareWith(masses, 0.6, (b) => b === 0 || (b <= qb && div(b, 2) === div(qb, 2)));
      });
      return (h, i, j) => j <= i && row(h, div(i, 16)).has(div(j, 16));
    },
  },
  {
    // Two query heads for each kv head: keys are sorted by the mass of both.
    pattern: "block_maps.attn#pbs_attn",
    sizes: { N: 150, heads: 4, kvHeads: 2 },
    launch: () => ({ params: { block: 16, segment: 32, p: 0.6 } }),
    rule: (call) => {
      const { N } = call;
      const tiles = range(call.kvHeads).map((kvh) => {
        const own = range(call.heads).filter((h) => kvOf(call, h) === kvh);
        const masses = own.map((h) => columnMass(lastRows(call, h, 16), N));
        const mass = (j: number): number => sum(masses.map((each) => each[j]!));
        const order = range(N).sort((a, b) => div(a, 32) - div(b, 32) || mass(b) - mass(a) || a - b);
        return range(Math.ceil(N / 16)).map((t) => order.slice(t * 16, t * 16 + 16));
      });
      const row = perRow((h, qb) => {
        const lastQuery = Math.min(qb * 16 + 16, N) - 1;
        const q = meanOf(range(lastQuery - qb * 16 + 1).map((i) => queryOf(call, h, qb * 16 + i)));
        const own = tiles[kvOf(call, h)]!;
        const score = (tile: readonly number[]): number => call.scale * dot(q, meanOf(tile.map((j) => keysOf(call, h)[j]!)));
        const masses = softmax(own.map((tile) => (Math.min(...tile) <= lastQuery ? score(tile) : -Infinity)));
        const forced = (j: number): boolean => j <= lastQuery && (j === 0 || div(j, 32) === div(qb, 2));
        return shareWith(masses, 0.6, (t) => own[t]!.some(forced));
      });
      return (h, i, j) => j <= i && row(h, div(i, 16)).has(tiles[kvOf(call, h)]!.findIndex((tile) => tile.includes(j)));
    },
  },
  {
    // Keys are sorted inside their segments; causality is by where they were.
    pattern: "block_maps.attn#pbs_permuted",
    sizes: { N: 144 },
    launch: ({ N }) => ({
      params: { block: 16, segment: 48, p: 0.6 },
      inputs: { origin: idsOf([range(N).map((j) => div(j, 48) * 48 + (((j % 48) * 11 + 5) % 48))]) },
    }),
    rule: (call, { inputs }) => {
      const origin = inputs!["origin"] as ReturnType<typeof idsOf> & { readonly data: Int32Array };
      const segment = (b: number): number => div(b, 3);
      const row = perRow((h, qb) => {
        const masses = pooledRow(call, h, qb, [16, 16], true);
        return shareWith(masses, 0.6, (b) => b === 0 || segment(b) === segment(qb));
      });
      return (h, i, j) => origin.data[j]! <= i && row(h, div(i, 16)).has(div(j, 16));
    },
  },
  {
    // The products along the antidiagonal of each cell of 8 x 8; cells and blocks to come take no part.
    pattern: "block_maps.attn#xattention",
    sizes: { N: 176, ...{ heads: 4, kvHeads: 2 } },
    launch: () => ({ params: { p: 0.5, block: 16 } }),
    rule: (call) => {
      const cells = perRow((h, I) => {
        const product = (J: number): number => sum(range(8).map((r) => dot(queryOf(call, h, I * 8 + 7 - r), keysOf(call, h)[J * 8 + r]!)));
        return softmax(range(I + 1).map((J) => (call.scale / 8) * product(J)));
      });
      const row = perRow((h, qb) => {
        const masses = range(qb + 1).map((b) => sum([0, 1].flatMap((r) => cells(h, qb * 2 + r).slice(b * 2, b * 2 + 2))));
        return shareWith(masses, 0.5, (b) => b === 0 || b === qb);
      });
      return (h, i, j) => j <= i && row(h, div(i, 16)).has(div(j, 16));
    },
  },
  ...[0.9, 0.008].map((alike): Case => ({
    pattern: "block_maps.attn#sparge",
    sizes: { N: 850 },
    launch: () => ({ params: { p: 0.5, alike } }),
    rule: (call) => spargeBlocks(call, 0.5, alike),
  })),
  {
    pattern: "block_maps.attn#sparse_d",
    sizes: { N: 150 },
    launch: () => ({ params: { prompt: 48, block: 8, percent: 30 }, step: 9, steps: 10 }),
    rule: (call) => sparseD(call, { prompt: 48, size: 8, percent: 30 }),
  },
  {
    // A tenth of the blocks at least; blocks are of one size but for the last.
    pattern: "block_maps.attn#svg2_blocks",
    sizes: { N: 130 },
    launch: () => ({ params: { block: 4, p: 0.02, words: 10 }, layer: 3, layers: 4, step: 5, steps: 10 }),
    rule: (call) => {
      const blocks = blocksOf(call.N, 4);
      const row = perRow((h, qb) => {
        const { q, k } = blockMeans(call, h, 4, 4);
        const raised = k.map((mean, b) => Math.exp(call.scale * dot(q[qb]!, mean)) * Math.min(4, call.N - b * 4));
        return shareWith(raised, 0.02, never, Math.ceil(blocks / 10));
      });
      return (h, i, j) => i >= 120 || j >= 120 || row(h, div(i, 4)).has(div(j, 4));
    },
  },
  {
    pattern: "block_maps.attn#psa_kept",
    sizes: { N: 100 },
    launch: () => ({ params: { block: 8, p: 0.5 } }),
    rule: (call) => {
      const row = perRow((h, qb) => shareWith(pooledRow(call, h, qb, [8, 8], false), 0.5, never));
      return (h, i, j) => row(h, div(i, 8)).has(div(j, 8));
    },
  },
  // A block belongs to the first share that it is needed for; at level m one key in m is read.
  ...([["whole", 1], ["halves", 2], ["fourths", 4], ["eighths", 8]] as const).map(([branch, m]): Case => ({
    pattern: `block_maps.attn#psa_levels.${branch}`,
    sizes: { N: 96 },
    launch: () => ({ params: { block: 8, ...Object.fromEntries(shares.map(([level, p]) => [`p${level}`, p])) } }),
    rule: (call) => {
      const level = levelsOf(call);
      return (h, i, j) => level(h, div(i, 8)).get(div(j, 8)) === m && j % m === 0;
    },
  })), // prettier-ignore
  // A window of m keys is read where its block has level m; single keys where that is 1, or where no window holds them.
  ...([["whole", 1], ["halves", 2], ["fourths", 4], ["eighths", 8]] as const).map(([branch, m]): Case => ({
    pattern: `block_maps.attn#psa.${branch}`,
    sizes: { N: 103 },
    ...(m === 1 ? {} : { windows: div(103, m) }),
    launch: () => ({ params: { block: 8, ...Object.fromEntries(shares.map(([level, p]) => [`p${level}`, p])) } }),
    rule: (call) => {
      const level = levelsOf(call);
      const at = (h: number, i: number, j: number): number => level(h, div(i, 8)).get(div(j, 8)) ?? 0;
      if (m > 1) return (h, i, w) => at(h, i, w * m) === m;
      return (h, i, j) => at(h, i, j) === 1 || (at(h, i, j) > 1 && j >= div(103, at(h, i, j)) * at(h, i, j));
    },
  })), // prettier-ignore
  {
    pattern: "block_maps.attn#biformer",
    sizes: { N: 6 * 9 },
    launch: () => ({ params: { height: 6, width: 9, region: 3, n: 2 } }),
    rule: (call) => {
      // Position 9 y + x lies in region 3 (y / 3) + x / 3.
      const regionOf = (i: number): number => 3 * div(div(i, 9), 3) + div(i % 9, 3);
      const inside = (region: number): number[] => range(54).filter((i) => regionOf(i) === region);
      const row = perRow((h, region) => {
        const q = meanOf(inside(region).map((i) => queryOf(call, h, i)));
        return bestWith(range(6).map((other) => dot(q, meanOf(inside(other).map((j) => keysOf(call, h)[j]!)))), 2, never); // prettier-ignore
      });
      return (h, i, j) => row(h, regionOf(i)).has(regionOf(j));
    },
  },
  {
    // On a strip of two rows the curve goes through squares of two by two: down, across and up, and the other way round.
    pattern: "block_maps.attn#psa_curve",
    sizes: { N: 2 * 8 },
    launch: () => ({ params: { frames: 1, height: 2, width: 8, block: 4, p: 0.5 } }),
    rule: (call) => {
      const squareOf = (i: number): number => div(i % 8, 2);
      const inside = (square: number): number[] => range(16).filter((i) => squareOf(i) === square);
      const row = perRow((h, square) => {
        const q = meanOf(inside(square).map((i) => queryOf(call, h, i)));
        const scores = range(4).map((other) => call.scale * dot(q, meanOf(inside(other).map((j) => keysOf(call, h)[j]!))));
        return shareWith(softmax(scores), 0.5, never);
      });
      return (h, i, j) => row(h, squareOf(i)).has(squareOf(j));
    },
  },
  ...[false, true].map((low): Case => ({
    // Some pair of the tile reaches tau of the greatest weight among sink and window.
    pattern: `block_maps.attn#sale${low ? "" : "_exact"}`,
    sizes: { N: 230 },
    launch: () => ({ params: { tau: 0.6, sink: 5, window: 12 } }),
    rule: (call) => {
      const always = (i: number, j: number): boolean => j < 5 || i - j < 12;
      const held = (x: readonly number[]): readonly number[] => (low ? fourBits(x) : x);
      const logits = perRow((h, i) => range(i + 1).map((j) => call.scale * dot(queryOf(call, h, i), keysOf(call, h)[j]!)));
      const estimates = perRow((h, i) => range(i + 1).map((j) => call.scale * dot(held(queryOf(call, h, i)), held(keysOf(call, h)[j]!)))); // prettier-ignore
      const greatest = perRow((h, i) => Math.max(...logits(h, i).filter((_, j) => always(i, j))));
      const tile = perRow((h, place) => {
        const [qb, kb] = [div(place, 100), place % 100];
        const rows = range(64).map((r) => qb * 64 + r).filter((i) => i < call.N); // prettier-ignore
        return rows.some((i) => estimates(h, i).slice(kb * 32, kb * 32 + 32).some((s) => Math.exp(s - greatest(h, i)) >= 0.6)); // prettier-ignore
      });
      return (h, i, j) => j <= i && (always(i, j) || tile(h, div(i, 64) * 100 + div(j, 32)));
    },
  })),
];
