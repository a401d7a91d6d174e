import { expect, it } from "vitest";
import * as m from "../../compiler/mask/make.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import { interpret } from "../../compiler/program/interpret.js";
import { lower } from "../../compiler/program/lower.js";
import { moduleOf } from "../mask/arbitrary.js";

/**
 * What NaN in keys and values does, as docs/language.md says. A window of 8 in tiles of 8: queries
 * 16 to 23 visit keys 8 to 23, of which each of them sees 8.
 */
const [N, dim, tile] = [32, 4, 8];
const window = m.and(m.le(m.k, m.q), m.lt(m.sub(m.q, m.k), m.int(8)));
const program = lower({ ...moduleOf(window), inputs: [], params: [], scalars: [] }, { tileQ: tile, tileK: tile });
const env: MaskEnv = { N, NQ: N, heads: 1, kvHeads: 1 };

/** The queries whose output has a NaN when that tensor has one at that key. */
function poisoned(tensor: "k" | "v", key: number): readonly number[] {
  const fill = (): Float32Array => Float32Array.from({ length: N * dim }, (_, i) => Math.sin(i));
  const tensors = { q: fill(), k: fill(), v: fill() };
  tensors[tensor].fill(NaN, key * dim, (key + 1) * dim);
  const { out } = interpret(program, tensors, { env, batch: 1, headDim: dim, valueDim: dim });
  return Array.from({ length: N }, (_, q) => q).filter((q) => out.subarray(q * dim, (q + 1) * dim).some(Number.isNaN));
}

const range = (first: number, end: number): readonly number[] => Array.from({ length: end - first }, (_, i) => first + i);

it("lets a NaN in a key reach the queries that see it and no other", () => {
  expect(poisoned("k", 12)).toEqual(range(12, 20));
});

it("lets a NaN in a value reach the queries whose tile visits it, and no other", () => {
  expect(poisoned("v", 12)).toEqual(range(8, 24));
});
