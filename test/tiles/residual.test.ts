import fc from "fast-check";
import { expect, it } from "vitest";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import type { MaskEnv } from "../../compiler/mask/evaluate.js";
import type { BoolExpr } from "../../compiler/mask/ir.js";
import * as m from "../../compiler/mask/make.js";
import { printBool } from "../../compiler/mask/print.js";
import { closeMask } from "../../compiler/tiles/closed.js";
import { residual } from "../../compiler/tiles/residual.js";
import type { Rectangle } from "../../compiler/tiles/residual.js";
import { BATCH, boolExpr, environment, moduleOf } from "../mask/arbitrary.js";

/** The pairs of a rectangle, one letter each. */
function pairsOf(mask: BoolExpr, env: MaskEnv, at: { b: number; h: number }, { q0, q1, k0, k1 }: Rectangle): string {
  const looks = headEvaluator(moduleOf(mask), env, at.b, at.h);
  let pairs = "";
  for (let q = q0; q <= q1; q++) for (let k = k0; k <= k1; k++) pairs += looks(q, k) ? "x" : ".";
  return pairs;
}

const corner = fc.integer({ min: 0, max: 60 });
const size = fc.integer({ min: 0, max: 7 });
const rectangle = fc.tuple(corner, size, corner, size).map(([q0, rows, k0, columns]): Rectangle => {
  return { q0, q1: q0 + rows, k0, k1: k0 + columns };
});
const place = fc.record({ b: fc.nat(BATCH - 1), h: fc.nat(3) });

it("calls no rectangle full or empty that is not", () => {
  let known = 0;
  const property = fc.property(boolExpr(), environment(80), place, rectangle, (mask, env, at, tile) => {
    const left = residual(closeMask(moduleOf(mask), env, at.b, at.h), tile);
    if (typeof left !== "boolean") return;
    known++;
    const found = [...new Set(pairsOf(mask, env, at, tile))].join("");
    expect([printBool(mask), JSON.stringify(tile), found]).toEqual([printBool(mask), JSON.stringify(tile), left ? "x" : "."]);
  });
  fc.assert(property, { numRuns: 5000 });
  expect(known).toBeGreaterThan(1000);
});

const block = fc.integer({ min: 1, max: 9 });
const position = fc.constantFrom(m.q, m.k, m.sub(m.q, m.k), m.add(m.mul(m.q, m.int(2)), m.k));
const term = fc.oneof(
  position,
  fc.tuple(position, block).map(([x, n]) => m.mod(x, m.int(n))),
  fc.tuple(position, block).map(([x, n]) => m.div(x, m.int(n))),
  fc.tuple(position, block, block).map(([x, n, c]) => m.mod(m.div(m.mul(x, m.int(c)), m.int(n)), m.int(4))),
  fc.tuple(position, position).map(([x, y]) => m.min(m.abs(x), y)),
);
const condition = fc
  .tuple(fc.constantFrom("lt", "le", "eq", "ne"), term, fc.oneof(term, fc.integer({ min: -9, max: 30 }).map(m.int)))
  .map(([op, x, y]) => m.compare(op, x, y));
const regular = fc.oneof(
  condition,
  fc.tuple(condition, condition).map(([x, y]) => m.and(x, y)),
  fc.tuple(condition, condition).map(([x, y]) => m.or(x, m.not(y))),
  fc.tuple(condition, condition, condition).map(([x, y, z]) => m.choose(x, y, z)),
);

it("leaves the same text of rectangles only if they hold the same pairs", () => {
  let same = 0;
  // Multiples of many a period, and others.
  const shift = fc.constantFrom(0, 1, 7, 12, 24, 36, 60, 120);
  const property = fc.property(regular, rectangle, shift, shift, fc.boolean(), (mask, tile, x, y, along) => {
    const env = { N: 200, NQ: 200, heads: 4, kvHeads: 2, params: { w: 1, g: 1 } };
    const [dq, dk] = [x, along ? x : y];
    const moved = { q0: tile.q0 + dq, q1: tile.q1 + dq, k0: tile.k0 + dk, k1: tile.k1 + dk };
    const left = residual(mask, tile);
    if (left !== residual(mask, moved)) return;
    if (typeof left === "string") same++;
    const at = { b: 0, h: 0 };
    const text = `${printBool(mask)}: ${JSON.stringify(tile)} moved by ${dq}, ${dk}`;
    expect([text, pairsOf(mask, env, at, moved)]).toEqual([text, pairsOf(mask, env, at, tile)]);
  });
  fc.assert(property, { numRuns: 10_000 });
  expect(same).toBeGreaterThan(500);
});
