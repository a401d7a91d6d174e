import { expect, test } from "vitest";
import { allRows, type AttentionProblem, type MaskPredicate } from "../../runtime/reference/problem.js";
import { denseAttention } from "../../runtime/reference/dense.js";
import { attentionTiles, headFidelity, spreadRows } from "../../runtime/verify/fidelity.js";
import { random } from "../../runtime/verify/random.js";

const causal: MaskPredicate = (_b, _h, q, k) => k <= q;

/** Scores of ln 1, ln 2, ln 4 … for one query, and values that name their keys. */
const small = (mask: MaskPredicate): AttentionProblem => ({
  ...{ batch: 1, heads: 1, kvHeads: 1, headDim: 1, valueDim: 3, queries: 1, keys: 3, firstPosition: 2, scale: 1 },
  q: Float32Array.of(1),
  k: Float32Array.from([1, 2, 4].map(Math.log)),
  v: Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1),
  mask,
});
const row = [{ batch: 0, head: 0, query: 0 }];

test("mass kept and the error of the output, by hand", () => {
  // Weights 1/7, 2/7, 4/7; of the last two alone 1/3 and 2/3.
  const found = headFidelity(
    small((_b, _h, _q, k) => k > 0),
    causal,
    0,
    row,
  );
  expect(found.density).toBeCloseTo(2 / 3, 12);
  expect(found.mass.mean).toBeCloseTo(6 / 7, 6);
  const difference = Math.hypot(1 / 7, 1 / 3 - 2 / 7, 2 / 3 - 4 / 7);
  expect(found.error.relL2).toBeCloseTo(difference / Math.hypot(1 / 7, 2 / 7, 4 / 7), 6);
});

test("a mask of everything keeps all, exactly; an empty row keeps nothing and is all error", () => {
  expect(headFidelity(small(() => true), causal, 0, row)).toMatchObject({ density: 1, mass: { mean: 1 }, error: { relL2: 0 }, empty: 0 }); // prettier-ignore
  expect(headFidelity(small(() => false), causal, 0, row)).toMatchObject({ density: 0, mass: { mean: 0 }, error: { relL2: 1 }, empty: 1 }); // prettier-ignore
});

test("what is kept far below the rest is still a number", () => {
  const problem = { ...small((_b, _h, _q, k) => k === 0), k: Float32Array.of(-2000, 0, 1) };
  const { mass, error } = headFidelity(problem, causal, 0, row);
  expect(mass.mean).toBe(0);
  expect(error.relL2).toBeGreaterThan(1);
  expect(error.relL2).toBeLessThan(2);
});

test("pairs outside of the space are no part of full attention, whatever the mask says", () => {
  const problem = { ...small(() => true), queries: 1, firstPosition: 1 };
  expect(headFidelity(problem, causal, 0, row)).toMatchObject({ density: 1, mass: { mean: 1 } });
});

test("outputs are those of the dense reference, over grouped heads and batch entries; the worst rows are named", () => {
  const source = random(5);
  const normal = (count: number): Float32Array => Float32Array.from({ length: count }, () => source.normal());
  const sizes = { batch: 2, heads: 4, kvHeads: 2, headDim: 8, valueDim: 4, queries: 6, keys: 9, firstPosition: 3 };
  const mask: MaskPredicate = (_b, h, q, k) => q - k < 2 + h;
  const problem: AttentionProblem = { ...sizes, q: normal(2 * 4 * 6 * 8), k: normal(2 * 2 * 9 * 8), v: normal(2 * 2 * 9 * 4), mask };
  const rows = allRows(problem).filter(({ head }) => head === 3);
  const sparse = denseAttention({ ...problem, mask: (b, h, q, k) => causal(b, h, q, k) && mask(b, h, q, k) }, rows);
  const full = denseAttention({ ...problem, mask: causal }, rows);
  let [difference, length] = [0, 0];
  const errors = rows.map((_, i) => {
    const [d, l] = [0, 1, 2, 3].reduce(
      ([a, b], j) => [a + (full.out[i * 4 + j]! - sparse.out[i * 4 + j]!) ** 2, b + full.out[i * 4 + j]! ** 2],
      [0, 0],
    );
    difference += d;
    length += l;
    return Math.sqrt(d / l);
  });
  const found = headFidelity(problem, causal, 3, rows);
  expect(found.error.relL2).toBeCloseTo(Math.sqrt(difference / length), 12);
  const worst = errors.indexOf(Math.max(...errors));
  expect(found.error.worst).toMatchObject({ batch: rows[worst]!.batch, query: rows[worst]!.query });
  expect(found.error.worst.value).toBeCloseTo(errors[worst]!, 12);
  // The weights of a tile add up to 1 along a row.
  const tiles = attentionTiles(problem, causal, spreadRows({ batch: 1, queries: 6 }, 3, 6), 2);
  for (const line of tiles) expect(line.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
});

test("rows are spread from the first to the last query, the last among them", () => {
  expect(spreadRows({ batch: 1, queries: 10 }, 2, 2).map(({ query }) => query)).toEqual([4, 9]);
  expect(spreadRows({ batch: 2, queries: 3 }, 0, 100)).toHaveLength(6);
  expect(spreadRows({ batch: 3, queries: 5 }, 0, 1).map(({ batch, query }) => [batch, query])).toEqual([[0, 4], [1, 4], [2, 4]]); // prettier-ignore
});
