import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Case } from "./case.js";
import { bestWith, never } from "./kept.js";
import { lservePages, questPages, votedTokens } from "./key-blocks.js";
import { added, byToken, div, exactRow, groupHeads, grouped, keysOf, kvOf, perRow, queryOf } from "./pieces.js";
import { dot, fourBits, range, sum, topPlaces } from "./tensors.js";

const shared = { heads: 4, kvHeads: 2 };

/** The learned numbers of DuoAttention's sample table, a row for each layer. */
const alpha = readFileSync(join(import.meta.dirname, "../../../patterns/tables/duo_alpha.tsv"), "utf8")
  .trim()
  .split("\n")
  .map((line) => line.split("\t").map(Number));

/** The half of the heads with the lower numbers streams: below the median of all layers. */
function streams(layer: number, kvh: number): boolean {
  const sorted = alpha.flat().sort((a, b) => a - b);
  const half = sorted.length / 2;
  return alpha[layer]![kvh]! < (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Attentions of page_bounds.attn and token_lists.attn, for decoding. */
export const decodeCases: readonly Case[] = [
  {
    pattern: "page_bounds.attn#quest",
    sizes: { N: 45, NQ: 7, ...shared },
    launch: () => ({ params: { page: 4, budget: 20 }, layer: 2, layers: 4 }),
    rule: (call) => byToken(4, (h, i) => questPages(queryOf(call, h, i), keysOf(call, h), i, 4, 20)),
  },
  ...["prefill", "decode"].map((phase): Case => ({
    pattern: "page_bounds.attn#lserve",
    sizes: { N: 330, NQ: 3, heads: 8, kvHeads: 4 },
    launch: () => ({ params: { sink: 5, local: 20, ctx_local: 90, budget: 128 }, layer: 0, layers: 4, phase }),
    rule: (call) => {
      const pages = perRow((h, i) => lservePages(queryOf(call, h, i), keysOf(call, h), i, 128));
      const local = phase === "prefill" ? 90 : 20;
      return (h, i, j) => {
        if (j > i) return false;
        if (streams(0, kvOf(call, h))) return j < 5 || i - j < local;
        return phase === "prefill" || pages(h, i).has(div(j, 64));
      };
    },
  })),
  {
    pattern: "token_lists.attn#double_sparsity",
    sizes: { N: 90, NQ: 3, headDim: 8, ...shared },
    launch: ({ heads }) => ({
      params: { share: 8 },
      inputs: { heavy: { kind: "floats", shape: [1, heads, 8], data: range(heads * 8).map((c) => Number(c % 3 === div(c, 8) % 3)) } },
    }),
    rule: (call) =>
      byToken(1, (h, i) => {
        const channels = range(8).filter((c) => (h * 8 + c) % 3 === h % 3);
        const [query, keys] = [queryOf(call, h, i), keysOf(call, h)];
        const labels = keys.map((key) => fourBits(channels.map((c) => key[c]!)));
        const scores = range(i + 1).map((j) => sum(channels.map((c, place) => query[c]! * labels[j]![place]!)));
        return topPlaces(scores, div(call.N, 8));
      }),
  },
  {
    pattern: "token_lists.attn#token_select",
    sizes: { N: 40, NQ: 3, ...shared },
    launch: () => ({ params: { n: 5, sink: 3, recent: 4 } }),
    rule: (call) => byToken(1, (_, i) => votedTokens(added(range(call.heads).map((h) => exactRow(call, h, i))), 5, 3, 4)),
  },
  ...[0, 1, 3].map((layer): Case => ({
    pattern: "token_lists.attn#tidal_decode",
    sizes: { N: 60, NQ: 1, ...shared },
    dense: layer < 3,
    launch: () => ({ params: { n: 9, first: 1, refresh: 2 }, layer, layers: 4 }),
    rule: (call) => {
      const best = byToken(1, (h, i) => topPlaces(range(i + 1).map((j) => dot(queryOf(call, h, i), keysOf(call, h)[j]!)), 9)); // prettier-ignore
      return (h, i, j) => (layer < 3 ? j <= i : best(h, i, j));
    },
  })),
  {
    pattern: "token_lists.attn#delta",
    sizes: { N: 70, NQ: 2, ...shared },
    launch: () => ({ params: { page: 8, n: 4, recent: 2, first: 0, refresh: 2 }, layer: 3, layers: 4 }),
    rule: (call) =>
      byToken(8, (_, i) => {
        const heads = range(call.heads).map((h) => exactRow(call, h, i));
        const greatest = range(i + 1).map((j) => Math.max(...heads.map((masses) => masses[j]!)));
        const pages = grouped(greatest, 8);
        return bestWith(pages, 4, (page) => page > pages.length - 3);
      }),
  },
  ...[0, 3].map((since): Case => ({
    pattern: "token_lists.attn#recycled",
    sizes: { N: 60, NQ: 1, ...shared },
    dense: since === 0,
    launch: () => ({ params: { n: 9, period: 8 }, step: 16 + since, steps: 100 }),
    rule: (call) => {
      const best = perRow((h, i) => bestWith(added(groupHeads(call, h).map((other) => exactRow(call, other, i))), 9, never)); // prettier-ignore
      return (h, i, j) => j <= i && (since === 0 || j >= call.N - since || best(h, i).has(j));
    },
  })),
];
