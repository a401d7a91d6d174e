import fc from "fast-check";
import { expect, test } from "vitest";
import type { BitsValue, MaskEnv } from "../../compiler/mask/evaluate.js";
import { wordsOf } from "../../compiler/mask/layout/orders.js";
import { interpretSelections } from "../../compiler/select/interpret.js";
import { lowerSelections } from "../../compiler/select/lower.js";
import { verifySelectionProgram } from "../../compiler/select/verify.js";
import { countTiles } from "../../compiler/tiles/plan.js";
import { random } from "../../runtime/verify/random.js";
import { exactFault, orderRows } from "../../runtime/verify/selection-order.js";
import { attention, moduleOf } from "../semantics/compile.js";

const headDim = 4;
const shape = `shape heads: 4, kv_heads: 2, dim: ${headDim}`;
const choice = (q: number, k: number): string =>
  `select c { unit q: cluster(${q}, iters: 1), k: cluster(${k}, iters: 1); score dot(mean(q), mean(k)); keep top(2) }\nattend c`;
const layout = (q: number, k: number): string => `layout permute(q: cluster(${q}, iters: 1), k: cluster(${k}, iters: 1))`;

const moduleIn = (space: string) => moduleOf(attention(`${shape}\n${layout(5, 7)}\n${choice(5, 7)}`, { space }));

/** The column of the one bit of each row, for a head of a batch entry. */
function columnsOf({ heads, rows, columns, data }: BitsValue, b: number, head: number): readonly number[] {
  const start = (b * heads + head) * rows * columns;
  return Array.from({ length: rows }, (_, row) => data.subarray(start + row * columns, start + (row + 1) * columns).indexOf(1));
}

const calls = fc.record({ N: fc.integer({ min: 1, max: 300 }), without: fc.nat(60), seed: fc.nat(1000) });

test.each(["seq causal", "seq cross"])("places are tokens by their clusters, and in one by position: %s", (space) => {
  const module = moduleIn(space);
  const program = lowerSelections(module)!;
  expect(verifySelectionProgram(program)).toEqual([]);
  fc.assert(
    fc.property(calls, ({ N, without, seed }) => {
      const NQ = Math.max(1, N - without);
      const env: MaskEnv = { N, NQ, heads: 4, kvHeads: 2 };
      const source = random(seed);
      const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => source.integer(-3, 3));
      const made = interpretSelections(program, { env, batch: 2, headDim, q: numbers(8 * NQ * headDim), k: numbers(4 * N * headDim) });
      const before = space === "seq causal" ? N - NQ : 0;
      for (const axis of ["q", "k"] as const) {
        const heads = axis === "q" ? 4 : 2;
        const first = axis === "q" ? before : 0;
        for (let i = 0; i < 2 * heads; i++) {
          const clusters = columnsOf(made[`${axis}_clusters_1`]!, Math.floor(i / heads), i % heads);
          // What is no query of the call comes first, as if in the first cluster.
          const tokens = [
            ...Array.from({ length: first }, (_, position) => [0, position] as const),
            ...clusters.map((cluster, token) => [cluster, first + token] as const).sort(([a, x], [b, y]) => a - b || x - y),
          ];
          const rows = orderRows(tokens.length);
          for (const [name, at] of [
            [`order_${axis}`, 1],
            [`order_${axis}_clusters`, 0],
          ] as const) {
            const own = wordsOf(made[name]!, rows).subarray(i * rows, (i + 1) * rows);
            const values = tokens.map((token) => token[at]);
            const fault = () => exactFault(values, (row) => own[row]!);
            expect(fault()).toBeUndefined();
            own[(seed * 7) % rows]! += 1;
            expect(fault()).toBeDefined();
          }
        }
      }
    }),
    { numRuns: 12 },
  );
});

test("tiles of pairs of clusters that were not chosen are passed over, and those of chosen ones need no mask", () => {
  // Clusters as long as a tile of a kernel, of tokens in turn: the order of positions has some of each in every tile.
  const [count, size] = [5, 64];
  const N = count * size;
  const points = (heads: number): Float32Array => {
    const all = new Float32Array(heads * N * headDim);
    for (let i = 0; i < heads * N; i++) {
      const cluster = (i % N) % count;
      all[i * headDim] = 10 * Math.cos(cluster);
      all[i * headDim + 1] = 10 * Math.sin(cluster);
    }
    return all;
  };
  const env: MaskEnv = { N, NQ: N, heads: 4, kvHeads: 2 };
  const counts = (order: string) => {
    const module = moduleOf(attention(`${shape}\n${order}\n${choice(count, count)}`, { space: "seq full" }));
    const inputs = interpretSelections(lowerSelections(module)!, { env, batch: 1, headDim, q: points(4), k: points(2) });
    const { c } = inputs;
    expect([c!.rows, c!.columns]).toEqual(order === "" ? [N, N] : [count, count]);
    return countTiles(module, { ...env, inputs }, { blockQ: size, blockK: size });
  };
  // Each chooses two. The first centroids are 64 tokens apart: one of each cluster.
  const chosen = { full: 2 * count, partial: 0, empty: (count - 2) * count };
  expect(counts(layout(count, count))).toEqual([0, 1, 2, 3].map((head) => ({ head, ...chosen })));
  expect(counts("")).toEqual([0, 1, 2, 3].map((head) => ({ head, full: 0, partial: count * count, empty: 0 })));
});
