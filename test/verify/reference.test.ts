import { expect, test } from "vitest";
import { denseAttention } from "../../runtime/reference/dense.js";
import { halves, roundToHalf } from "../../runtime/reference/half.js";
import { plain32Attention, plainOrders } from "../../runtime/reference/plain32.js";
import type { AttentionProblem } from "../../runtime/reference/problem.js";
import { random } from "../../runtime/verify/random.js";

function problem(rest: Partial<AttentionProblem> = {}): AttentionProblem {
  const sizes = { batch: 2, heads: 4, kvHeads: 2, headDim: 3, valueDim: 5, queries: 4, keys: 6, firstPosition: 2, ...rest };
  const source = random(5);
  const normal = (count: number): Float32Array => Float32Array.from({ length: count }, () => source.normal());
  return {
    ...sizes,
    q: normal(sizes.batch * sizes.heads * sizes.queries * sizes.headDim),
    k: normal(sizes.batch * sizes.kvHeads * sizes.keys * sizes.headDim),
    v: normal(sizes.batch * sizes.kvHeads * sizes.keys * sizes.valueDim),
    mask: (_b, _h, q, k) => k <= q,
    ...rest,
  };
}

/** softmax(scale q K^T + log mask) V by nested arrays and the textbook's formula. */
function textbook(p: AttentionProblem, b: number, h: number, i: number): { out: number[]; lse: number } {
  const g = [0, 0, 1, 1][h]!;
  const vector = (data: Float32Array, at: number, length: number): number[] => [...data.subarray(at * length, (at + 1) * length)];
  const query = vector(p.q, (b * 4 + h) * p.queries + i, p.headDim);
  const weights = Array.from({ length: p.keys }, (_, k) => {
    const key = vector(p.k, (b * 2 + g) * p.keys + k, p.headDim);
    const score = query.reduce((sum, x, d) => sum + x * key[d]!, 0) / Math.sqrt(p.headDim);
    return p.mask(b, h, i + p.firstPosition, k) ? Math.exp(score) : 0;
  });
  const total = weights.reduce((a, c) => a + c, 0);
  const out = Array.from({ length: p.valueDim }, (_, d) =>
    weights.reduce((sum, weight, k) => sum + (weight / total) * vector(p.v, (b * 2 + g) * p.keys + k, p.valueDim)[d]!, 0),
  );
  return { out, lse: Math.log(total) };
}

test("dense attention is the textbook's", () => {
  const p = problem();
  const dense = denseAttention(p);
  dense.rows.forEach((row, r) => {
    const want = textbook(p, row.batch, row.head, row.query);
    want.out.forEach((value, d) => expect(dense.out[r * p.valueDim + d]).toBeCloseTo(value, 12));
    expect(dense.lse[r]).toBeCloseTo(want.lse, 12);
  });
  expect(dense.rows.length).toBe(2 * 4 * 4);
});

test("chosen rows are those of the whole", () => {
  const p = problem();
  const whole = denseAttention(p);
  const rows = [whole.rows[17]!, whole.rows[3]!];
  const some = denseAttention(p, rows);
  expect([...some.out]).toEqual([...whole.out.slice(17 * 5, 18 * 5), ...whole.out.slice(15, 20)]);
  expect([...some.lse]).toEqual([whole.lse[17], whole.lse[3]]);
});

test("a row without keys gives 0 and -Infinity", () => {
  const p = problem({ mask: (_b, h, q, k) => k <= q && !(h === 1 && q === 3) });
  const dense = denseAttention(p);
  const row = dense.rows.findIndex((each) => each.head === 1 && each.query === 1);
  expect([...dense.out.slice(row * 5, row * 5 + 5)]).toEqual([0, 0, 0, 0, 0]);
  expect(dense.lse[row]).toBe(-Infinity);
  for (const order of plainOrders) expect(plain32Attention(p, order).lse[row]).toBe(-Infinity);
});

test("what no row sees is not touched", () => {
  const p = problem({ mask: (_b, _h, _q, k) => k !== 2 });
  for (let row = 0; row < 4; row++) {
    p.k.fill(NaN, (row * 6 + 2) * 3, (row * 6 + 3) * 3);
    p.v.fill(Infinity, (row * 6 + 2) * 5, (row * 6 + 3) * 5);
  }
  expect([...denseAttention(p).out].every(Number.isFinite)).toBe(true);
  expect([...plain32Attention(p, plainOrders[0]!).out].every(Number.isFinite)).toBe(true);
});

test("equal keys: a plain mean, and the lse counts", () => {
  const p = problem({ firstPosition: 0, queries: 6 });
  p.k.fill(0);
  const dense = denseAttention(p);
  expect(dense.lse[5]).toBeCloseTo(Math.log(6), 14);
  expect(dense.out[5 * 5]).toBeCloseTo([0, 1, 2, 3, 4, 5].reduce((sum, k) => sum + p.v[k * 5]!, 0) / 6, 14);
});

test("plain float32 stays near float64, in every order", () => {
  const p = problem({ headDim: 32, queries: 40, keys: 90, firstPosition: 50 });
  const dense = denseAttention(p);
  for (const order of plainOrders) {
    const plain = plain32Attention(p, order);
    plain.out.forEach((value, i) => expect(Math.abs(value - dense.out[i]!)).toBeLessThan(2e-6));
    plain.lse.forEach((value, i) => expect(Math.abs(value - dense.lse[i]!)).toBeLessThan(2e-6));
  }
});

test("large scores do not overflow", () => {
  const p = problem({ scale: 500 });
  expect([...plain32Attention(p, plainOrders[0]!).out].every(Number.isFinite)).toBe(true);
});

test("rounding to float16", () => {
  const known: readonly (readonly [number, number])[] = [
    [0.1, 0.0999755859375],
    [1 / 3, 0.333251953125],
    [2049, 2048], // a tie goes to the even neighbour
    [2051, 2052],
    [-2050.5, -2050],
    [65504, 65504],
    [65519, 65504],
    [65520, Infinity],
    [2 ** -24, 2 ** -24],
    [2 ** -25, 0],
    [3 * 2 ** -25, 2 ** -23],
    [6.1e-5, 6.097555160522461e-5],
    [1e-12, 0],
  ];
  for (const [value, want] of known) expect(roundToHalf(value)).toBe(want);
  expect(roundToHalf(NaN)).toBeNaN();
  const values = Float32Array.from({ length: 500 }, (_, i) => Math.sin(i) * 2 ** ((i % 36) - 20));
  for (const [i, half] of halves(values).entries())
    expect(Math.abs(half - values[i]!)).toBeLessThanOrEqual(Math.max(Math.abs(values[i]!) * 2 ** -11, 2 ** -25));
  expect(halves(halves(values))).toEqual(halves(values));
});
