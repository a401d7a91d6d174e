import fc from "fast-check";
import { expect, test } from "vitest";
import { lowerSelections } from "../../compiler/select/lower.js";
import { interpretSelections } from "../../compiler/select/interpret.js";
import { random } from "../../runtime/verify/random.js";
import { compiledModule } from "../oracle/agreement.js";
import { bodyOf, programOf } from "../oracle/programs.js";

/*
 * K-means of one head against its definition, at lengths beyond one chunk of the sort by clusters. Whole numbers make the first
 * step and all that is asked of its clusters exact.
 */

const headDim = 4;
/** Coordinates of a point; the others are 0. */
const DIMS = [0, 1];

/** What the interpreter makes of a body with one head whose keys are points: matrices by name. */
function made(body: string, points: readonly (readonly number[])[]) {
  const N = points.length;
  const text = bodyOf(`shape heads: 1, kv_heads: 1, dim: ${headDim}\n${body}`);
  const env = { N, NQ: 1, heads: 1, kvHeads: 1 };
  const module = compiledModule(programOf(text), "a", env);
  const k = Float32Array.from(points.flatMap(([x, y]) => [x!, y!, 0, 0]));
  return interpretSelections(lowerSelections(module)!, { env, batch: 1, headDim, q: new Float32Array(headDim), k });
}

const distance = (a: readonly number[], b: readonly number[]): number => DIMS.reduce((sum, d) => sum + (a[d]! - b[d]!) ** 2, 0);

/** The column of the one bit of each row. */
function columnsOf({ rows, columns, data }: { rows: number; columns: number; data: Uint8Array }): readonly number[] {
  return Array.from({ length: rows }, (_, row) => {
    const bits = Array.from(data.subarray(row * columns, (row + 1) * columns));
    expect(bits.reduce((a, b) => a + b)).toBe(1);
    return bits.indexOf(1);
  });
}

/** Rows of words as numbers. */
function numbersOf({ data }: { data: Uint8Array }): Float32Array {
  const words = Uint32Array.from({ length: data.length / 32 }, (_, i) =>
    data.subarray(i * 32, (i + 1) * 32).reduce((word, bit, j) => (word | (bit << j)) >>> 0, 0),
  );
  return new Float32Array(words.buffer);
}

function pointsOf(N: number, seed: number): readonly (readonly number[])[] {
  const source = random(seed);
  return Array.from({ length: N }, () => DIMS.map(() => source.integer(-9, 9)));
}

const lengths = fc.record({ N: fc.integer({ min: 1, max: 700 }), count: fc.integer({ min: 1, max: 12 }), seed: fc.nat(1000) });

test("the first centroids are tokens spread evenly, the next ones means, and each token is in the nearest cluster; the means of the last clusters come back", () => {
  fc.assert(
    fc.property(lengths, ({ N, count, seed }) => {
      const points = pointsOf(N, seed);
      const bits = made(
        `space seq full\nselect c { unit k: cluster(${count}, iters: 1); score sum(mean(k), over: dim); keep top(1) }\nattend c`,
        points,
      );
      const seeds = Array.from({ length: count }, (_, i) => points[Math.floor((i * N) / count)]!);
      const first = columnsOf(bits.k_clusters_0!);
      first.forEach((cluster, token) => {
        const distances = seeds.map((seed) => distance(points[token]!, seed));
        expect(cluster).toBe(distances.indexOf(Math.min(...distances)));
      });
      const means = seeds.map((seed, cluster) => {
        const members = points.filter((_, token) => first[token] === cluster);
        return members.length === 0 ? seed : DIMS.map((d) => members.reduce((sum, point) => sum + point[d]!, 0) / members.length);
      });
      const last = columnsOf(bits.k_clusters_1!);
      const centroids = numbersOf(bits.k_centroids!);
      means.forEach((before, cluster) => {
        const members = points.filter((_, token) => last[token] === cluster);
        DIMS.forEach((d) => {
          const mean = members.length === 0 ? before[d]! : members.reduce((sum, point) => sum + point[d]!, 0) / members.length;
          // Sums of these whole numbers are exact.
          expect(centroids[cluster * headDim + d]).toBe(Math.fround(mean));
        });
      });
      last.forEach((cluster, token) => {
        const distances = means.map((mean) => distance(points[token]!, mean));
        // Coordinates below 10, sums below 7000: float32 is off by less.
        expect(distances[cluster]! - Math.min(...distances)).toBeLessThan(1e-3);
      });
    }),
    { numRuns: 12 },
  );
});

test("units are the clusters' tokens, wherever they stand", () => {
  fc.assert(
    fc.property(lengths, fc.constantFrom("size", "start", "end", "sum"), ({ N, count, seed }, what) => {
      const points = pointsOf(N, seed);
      const score = what === "sum" ? "sum(sum(k), over: dim)" : `${what}(k)`;
      const select = `select c { unit k: cluster(${count}, iters: 0); score ${score}; keep threshold(${N / 4}) }`;
      const bits = made(`space seq full\n${select}\nattend c`, points);
      const clusters = columnsOf(bits.k_clusters_0!);
      const scores = Array.from({ length: count }, (_, cluster) => {
        const members = points.flatMap((_, token) => (clusters[token] === cluster ? [token] : []));
        if (what === "size") return members.length;
        if (what === "sum") return members.reduce((sum, token) => sum + points[token]![0]! + points[token]![1]!, 0);
        return what === "start" ? members[0]! : members.at(-1)!;
      });
      expect(Array.from(bits.c!.data)).toEqual(clusters.map((cluster) => Number(scores[cluster]! >= N / 4)));
    }),
    { numRuns: 16 },
  );
});

test("what is no number is far from all centroids: such a token goes to the first cluster, such a centroid gets no other token", () => {
  const points = [
    [1, 1],
    [NaN, 0],
    [5, 5],
    [1, 2],
    [5, 4],
    [6, 6],
  ];
  const bits = made("space seq full\nselect c { unit k: cluster(2, iters: 1); score size(k); keep top(1) }\nattend c", points);
  expect(columnsOf(bits.k_clusters_0!)).toEqual([0, 0, 1, 1, 1, 1]);
  // The mean of the first cluster is no number now.
  expect(columnsOf(bits.k_clusters_1!)).toEqual([1, 0, 1, 1, 1, 1]);
});
