import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Case } from "./case.js";
import { flexPrefill } from "./flexprefill.js";
import { bestWith, never, shareWith } from "./kept.js";
import { blockSparse, snapped, verticalSlash } from "./minference.js";
import { added, columnMass, div, keysOf, lastRows, type Pairs } from "./pieces.js";
import type { Call } from "./selected.js";
import { range } from "./tensors.js";

interface Cell {
  readonly pattern: string;
  readonly args: Readonly<Record<string, number>>;
}

/** MInference's sample table: a pattern with its numbers for each layer and head. */
const best = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../patterns/tables/minference_heads.json"), "utf8"),
) as readonly (readonly Cell[])[];

function ofCell(call: Call, h: number, { pattern, args }: Cell): (i: number, j: number) => boolean {
  switch (pattern) {
    case "a_shape":
      return (i, j) => j <= i && (j < args["sink"]! || i - j < args["window"]!);
    case "mean_blocks": {
      const rows = blockSparse(call.q[h]!, keysOf(call, h), args["n"]!);
      return (i, j) => j <= i && rows[div(i, 64)]!.has(div(j, 64));
    }
    default: {
      const kept = verticalSlash(call.q[h]!, keysOf(call, h), call.scale, { columns: args["cols"]!, diagonals: args["diags"]! });
      return (i, j) => snapped(kept, i, j);
    }
  }
}

/** Attentions of probed_columns.attn: columns and diagonals by the last queries. */
export const columnCases: readonly Case[] = [
  {
    pattern: "probed_columns.attn#minference_vertical_slash",
    sizes: { N: 210 },
    launch: () => ({ params: { cols: 6, diags: 9, rows: 16, first_cols: 2, first_diags: 4 } }),
    rule: (call) => {
      const budget = { columns: 6, diagonals: 9, rows: 16, firstColumns: 2, firstDiagonals: 4 };
      const kept = range(call.heads).map((h) => verticalSlash(call.q[h]!, keysOf(call, h), call.scale, budget));
      return (h, i, j) => snapped(kept[h]!, i, j);
    },
  },
  ...[0, 1].map((layer): Case => ({
    pattern: "probed_columns.attn#minference",
    sizes: { N: 300, heads: 4, kvHeads: 2 },
    launch: () => ({ layer, layers: 2 }),
    rule: (call): Pairs => {
      const heads = best[layer]!.map((cell, h) => ofCell(call, h, cell));
      return (h, i, j) => heads[h]!(i, j);
    },
  })),
  ...[
    { tau: 0.1884, gamma: 0.6, least: 1 },
    { tau: 0.001, gamma: 0.5, least: 2 },
  ].map((params): Case => ({
    pattern: "probed_columns.attn#flexprefill",
    sizes: { N: 700 },
    launch: () => ({ params }),
    rule: (call) => flexPrefill(call, params),
  })),
  {
    pattern: "probed_columns.attn#zipvl",
    sizes: { N: 80, heads: 4, kvHeads: 2 },
    launch: () => ({ params: { tau: 0.5, rows: 16, recent: 8 } }),
    rule: (call) => {
      const masses = added(range(call.heads).map((h) => columnMass(lastRows(call, h, 16), call.N)));
      const kept = shareWith(masses, 0.5, never);
      return (_, i, j) => j <= i && (i - j < 8 || kept.has(j));
    },
  },
  {
    pattern: "probed_columns.attn#observed_columns",
    sizes: { N: 80, heads: 4, kvHeads: 2 },
    launch: () => ({ params: { rows: 8, width: 5, n: 20 } }),
    rule: (call) => {
      const heads = range(call.heads).map((h) => {
        const mass = columnMass(lastRows(call, h, 8), call.N);
        const smooth = mass.map((_, j) => range(5).reduce((sum, c) => sum + (mass[j + c - 2] ?? 0) / 5, 0));
        return bestWith(smooth, 20, (j) => j >= call.N - 8);
      });
      return (h, i, j) => j <= i && (i - j < 8 || heads[h]!.has(j));
    },
  },
];
