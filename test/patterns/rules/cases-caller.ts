import type { Case } from "./case.js";
import { bestWith } from "./kept.js";
import { nsaBlocks } from "./nsa.js";
import { byToken, div, floats, groupHeads, keysOf, kvOf, numberOf, perRow, queryOf, vectorOf, weightOf } from "./pieces.js";
import type { Call } from "./selected.js";
import { blocksOf, descending, dot, meanVector, range, softmax, sum, type Vectors } from "./tensors.js";

const shared = { heads: 4, kvHeads: 2 };
const windowsOf = (N: number): number => Math.max(0, div(N - 32, 16) + 1);
const meanWindows = (call: Call, h: number): Vectors =>
  range(windowsOf(call.N)).map((w) => meanVector(keysOf(call, h), w * 16, w * 16 + 32));
const groupQueries = (call: Call, h: number, i: number): Vectors => groupHeads(call, h).map((other) => queryOf(call, other, i));

/** Attentions of caller_scores.attn and compressed_keys.attn: scores and vectors from the caller, and windows of keys. */
export const callerCases: readonly Case[] = [
  {
    pattern: "caller_scores.attn#seer",
    sizes: { N: 450, ...shared },
    launch: ({ kvHeads }) => ({ params: { t: 0.15 }, inputs: { gate: floats([1, kvHeads, 8, 8], 4) } }),
    rule: (call, { inputs }) => {
      const row = perRow((h, qb) => softmax(range(8).map((b) => (b <= qb ? numberOf(inputs!["gate"], kvOf(call, h), qb, b) : -Infinity))));
      return (h, i, j) => {
        const [qb, b] = [div(i, 64), div(j, 64)];
        return j <= i && (qb === b || qb === 7 || row(h, qb)[b]! >= 0.15);
      };
    },
  },
  {
    pattern: "caller_scores.attn#seer_decode",
    sizes: { N: 450, NQ: 3, ...shared },
    launch: ({ NQ, kvHeads }) => ({ params: { budget: 192 }, inputs: { gate: floats([1, kvHeads, NQ, 8], 4) } }),
    rule: (call, { inputs }) =>
      byToken(64, (h, i) => {
        const own = div(i, 64);
        const gate = range(own + 1).map((b) => numberOf(inputs!["gate"], kvOf(call, h), i - (call.N - call.NQ), b));
        return bestWith(gate, 3, (b) => b === own);
      }),
  },
  {
    pattern: "caller_scores.attn#sparsifiner",
    sizes: { N: 50, ...shared },
    launch: ({ N, heads }) => ({ params: { t: 1.8, n: 4 }, inputs: { connection: floats([1, heads, N, N], 4) } }),
    rule: (call, { inputs }) => {
      const row = perRow((h, i) => {
        const scores = range(call.N).map((j) => numberOf(inputs!["connection"], h, i, j));
        const above = scores.filter((score) => score >= 1.8).length;
        return new Set(descending(scores).slice(0, Math.max(1, Math.min(4, above))));
      });
      return (h, i, j) => row(h, i).has(j);
    },
  },
  {
    pattern: "caller_scores.attn#caller_ranked",
    sizes: { N: 50, NQ: 3, ...shared },
    launch: ({ N, NQ }) => ({ params: { n: 9, recent: 3 }, inputs: { rank: floats([1, 1, NQ, N], 4) } }),
    rule: (call, { inputs }) =>
      byToken(1, (_, i) => {
        const rank = range(i + 1).map((j) => numberOf(inputs!["rank"], 0, i - (call.N - call.NQ), j));
        return bestWith(rank, 9, (j) => j > i - 3);
      }),
  },
  {
    pattern: "caller_scores.attn#spatten",
    sizes: { N: 50, NQ: 7, ...shared },
    launch: ({ heads, N }) => ({ params: { n: 9, recent: 3 }, inputs: { rank: floats([1, heads, N], 4) } }),
    rule: ({ N, heads }, { inputs }) => {
      const rank = range(N).map((j) => sum(range(heads).map((h) => weightOf(inputs!["rank"], h, j))));
      const kept = bestWith(rank, 9, (j) => j >= N - 3);
      return (_, i, j) => j <= i && (kept.has(j) || j === i);
    },
  },
  ...["nsa_selected", "nsa.selected"].map((name): Case => ({
    pattern: `compressed_keys.attn#${name}`,
    sizes: { N: 500, NQ: 40, ...shared },
    launch: (call) => ({ params: { n: 5 }, inputs: { ck: floats([1, call.kvHeads, windowsOf(call.N), call.headDim], 8) } }),
    rule: (call, { inputs }) => {
      const windows = range(call.kvHeads).map((kvh) => range(windowsOf(call.N)).map((w) => vectorOf(inputs!["ck"], kvh, w)));
      const keep = { n: 5, init: 1, local: 2 };
      return byToken(64, (h, i) => nsaBlocks(groupQueries(call, h, i), windows[kvOf(call, h)]!, i, call.scale, keep));
    },
  })),
  {
    pattern: "compressed_keys.attn#nsa.near",
    sizes: { N: 90, NQ: 40 },
    launch: () => ({ params: { window: 12 } }),
    // FlashAttention's window (12, -1) holds the own key and 12 before it.
    rule: () => (_, i, j) => j <= i && j >= i - 12,
  },
  {
    pattern: "compressed_keys.attn#nsa.compressed",
    sizes: { N: 90, NQ: 40 },
    windows: windowsOf(90),
    rule: () => (_, i, w) => w * 16 + 32 <= i + 1,
  },
  {
    pattern: "compressed_keys.attn#core_tokens.near",
    sizes: { N: 90, NQ: 40 },
    launch: () => ({ params: { window: 12 } }),
    rule: () => (_, i, j) => j <= i && i - j < 12,
  },
  {
    // The groups whose last key lies before the window.
    pattern: "compressed_keys.attn#core_tokens.far",
    sizes: { N: 90, NQ: 40 },
    windows: div(90, 16),
    launch: () => ({ params: { window: 12 } }),
    rule: () => (_, i, w) => w * 16 + 15 < i - 11,
  },
  {
    pattern: "compressed_keys.attn#infllm_v2",
    sizes: { N: 600, NQ: 5, ...shared },
    launch: () => ({ params: { n: 6, window: 128, init: 1 } }),
    rule: (call) =>
      byToken(64, (h, i) => nsaBlocks(groupQueries(call, h, i), meanWindows(call, h), i, call.scale, { n: 6, init: 1, local: 2 })),
  },
  {
    pattern: "compressed_keys.attn#nosa",
    sizes: { N: 900, NQ: 3, ...shared },
    launch: ({ NQ, N, kvHeads }) => ({
      params: { n: 8, by_query: 2, window: 128, init: 1 },
      inputs: { worth: floats([1, kvHeads, NQ, blocksOf(N, 64)], 4) },
    }),
    rule: (call, { inputs }) =>
      byToken(64, (h, i) => {
        const near = nsaBlocks(groupQueries(call, h, i), meanWindows(call, h), i, call.scale, { n: 5, init: 1, local: 2 });
        const worth = range(div(i, 64) + 1).map((b) => numberOf(inputs!["worth"], kvOf(call, h), i - (call.N - call.NQ), b));
        return bestWith(worth, 8, (b) => near.has(b));
      }),
  },
  {
    pattern: "compressed_keys.attn#summarised_chunks",
    sizes: { N: 1900, NQ: 3, ...shared },
    launch: (call) => ({ params: { n: 5 }, inputs: { summary: floats([1, call.kvHeads, div(call.N, 256), call.headDim], 8) } }),
    rule: (call, { inputs }) =>
      byToken(256, (h, i) => {
        const own = div(i, 256);
        const scores = range(own + 1).map((b) => (b < div(call.N, 256) ? dot(queryOf(call, h, i), vectorOf(inputs!["summary"], kvOf(call, h), b)) : 0)); // prettier-ignore
        return bestWith(scores, 5, (b) => b === 0 || b > own - 2);
      }),
  },
];
