import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluateInt, headEvaluator, type BitsValue, type MaskEnv } from "../../compiler/mask/evaluate.js";
import type { IntExpr, MaskModule } from "../../compiler/mask/ir.js";
import { mortonOrder } from "../../compiler/mask/layout/morton.js";
import { overPlaces, positions, queryRows } from "../../compiler/mask/layout/places.js";
import { tileOrder } from "../../compiler/mask/layout/tiles.js";
import * as m from "../../compiler/mask/make.js";
import { printBool } from "../../compiler/mask/print.js";
import { attention, moduleOf } from "../semantics/compile.js";
import { binaryGrids, layoutPrograms, residuePrograms, tiledGrids } from "./layout-programs.js";

/** All points of a grid in row-major order. */
function points(extents: readonly number[]): number[][] {
  return extents.reduce<number[][]>((all, extent) => all.flatMap((p) => Array.from({ length: extent }, (_, i) => [...p, i])), [[]]);
}

/** The points in the order of tiles, by sorting: first by the blocks they lie in, then by where they lie in them. */
function sortedByTile(extents: readonly number[], sizes: readonly number[]): number[][] {
  const key = (p: readonly number[]): number[] => [...p.map((x, i) => Math.floor(x / sizes[i]!)), ...p];
  return points(extents).sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    const differs = x.findIndex((each, i) => each !== y[i]);
    return differs < 0 ? 0 : x[differs]! - y[differs]!;
  });
}

/** The points in the order of their interleaved bits, the highest of the outermost axis first. */
function sortedByBits(extents: readonly number[]): number[][] {
  const key = (p: readonly number[]): string => {
    let bits = "";
    for (let level = 9; level >= 0; level--) for (const x of p) bits += (x >> level) & 1;
    return bits;
  };
  return points(extents).sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

const env = (N: number, NQ = N): MaskEnv => ({ N, NQ, heads: 2, kvHeads: 1 });
const valueAt = (e: IntExpr, k: number): number => evaluateInt(e, { env: env(1), scalars: [], b: 0, h: 0, q: 0, k });

test("tiles are the points sorted by block", () => {
  fc.assert(
    fc.property(tiledGrids(600), (axes) => {
      const [extents, sizes] = [axes.map((axis) => axis.extent), axes.map((axis) => axis.size)];
      const coordinates = tileOrder(extents, sizes).coordinates(m.k);
      const expected = sortedByTile(extents, sizes);
      expect(expected.map((_, place) => coordinates.map((e) => valueAt(e, place)))).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

/** The same bits for every launch: those of a row and column that a hash turns on. */
function someBits(rows: number, columns: number): BitsValue {
  const data = Uint8Array.from({ length: rows * columns }, (_, i) => Number((i * 2654435761) % 4294967296 < 2 ** 31));
  return { kind: "bits", batch: 1, heads: 1, rows, columns, data };
}

function expectPermuted(module: MaskModule, at: MaskEnv): void {
  const tokens = positions(module, at, "k", 0, 0)!;
  expect([...tokens].sort((a, b) => a - b)).toEqual(Array.from({ length: at.N }, (_, i) => i));
  const over = overPlaces(module);
  expect(queryRows(module, at)).toEqual({ first: 0, end: at.N });
  for (let h = 0; h < at.heads; h++) {
    const [looks, looksAtPlaces] = [headEvaluator(module, at, 0, h), headEvaluator(over, at, 0, h)];
    for (let q = 0; q < at.N; q++) {
      const isQuery = tokens[q]! >= at.N - at.NQ;
      for (let k = 0; k < at.N; k++) {
        const expected = isQuery && looks(tokens[q]!, tokens[k]!);
        if (looksAtPlaces(q, k) !== expected) expect.fail(`head ${h}, places ${q} and ${k}: not ${expected}`);
      }
    }
  }
}

test("the Morton curve is the points sorted by interleaved bits", () => {
  fc.assert(
    fc.property(binaryGrids(600), (axes) => {
      const extents = axes.map((axis) => axis.extent);
      const coordinates = mortonOrder(extents).coordinates(m.k);
      const expected = sortedByBits(extents);
      expect(expected.map((_, place) => coordinates.map((e) => valueAt(e, place)))).toEqual(expected);
    }),
    { numRuns: 100 },
  );
});

test("every position has one place, and the mask over places is the mask of their tokens", () => {
  fc.assert(
    fc.property(layoutPrograms(100), fc.integer({ min: 1, max: 4 }), ({ program, N }, part) => {
      expectPermuted(moduleOf(program), env(N, Math.ceil(N / part)));
    }),
    { numRuns: 150 },
  );
});

const units = fc.constantFrom("q: block(4), k: block(6)", "q: token, k: block(3)", "k: token", "q: block(5), k: block(5); snap block(10)");
const part = fc.integer({ min: 1, max: 4 });

test("what is selected is read by its position, in whatever order the tokens are", () => {
  const over = (program: string, unit: string): string =>
    program.replace("attend ", `select c { unit ${unit}; score 1; keep top(3) }\nattend c & `);
  const property = fc.property(layoutPrograms(100), units, part, ({ program, N }, unit, of) => {
    const bits = { c: someBits(N + 1, N) };
    expectPermuted(moduleOf(over(program, unit)), { ...env(N, Math.ceil(N / of)), inputs: bits });
  });
  fc.assert(property, { numRuns: 40 });
  const residues = fc.property(residuePrograms(300), units, part, ({ program, N }, unit, of) => {
    expectPermuted(moduleOf(over(program, unit)), { ...env(N, Math.ceil(N / of)), inputs: { c: someBits(N + 1, N) } });
  });
  fc.assert(residues, { numRuns: 6 });
});

test("coordinates that the mask was written with are coordinates of places, whatever they have become", () => {
  const clauses = "attend (q.y + 1) / 4 == k.y & near(t, window: 3, stride: 2)\nlayout tiles(2, 4, x: 8)";
  const { mask, layout } = moduleOf(attention(clauses, { space: "grid(t: 6, y: 8, x: 16)" }));
  expect(printBool(mask)).toMatchInlineSnapshot(
    `"(q / 16 % 8 + 1) / 4 == k / 16 % 8 & max(min(min(q / 256 * 2 + 1, 5) - 1, 3), 0) <= k / 128 & k / 128 < max(min(min(q / 256 * 2 + 1, 5) - 1, 3), 0) + 3"`,
  );
  // A slab of two frames has 256 places, a row of tiles in it 128, a tile 64.
  expect(printBool(layout!.mask)).toMatchInlineSnapshot(
    `"(q % 256 / 128 * 4 + q % 64 / 8 % 4 + 1) / 4 == k % 256 / 128 * 4 + k % 64 / 8 % 4 & max(min(min((q / 256 * 2 + q % 64 / 32) / 2 * 2 + 1, 5) - 1, 3), 0) <= k / 256 * 2 + k % 64 / 32 & k / 256 * 2 + k % 64 / 32 < max(min(min((q / 256 * 2 + q % 64 / 32) / 2 * 2 + 1, 5) - 1, 3), 0) + 3"`,
  );
});

/** The positions of each period by residue, then by position; what is left over as it is. */
function sortedByResidue(N: number, modulus: number): number[] {
  const period = 64 * modulus;
  const key = (p: number): number[] => [Math.floor(p / period), p < N - (N % period) ? p % modulus : 0, p];
  return Array.from({ length: N }, (_, p) => p).sort((a, b) => {
    const differs = key(a).findIndex((each, i) => each !== key(b)[i]);
    return differs < 0 ? 0 : key(a)[differs]! - key(b)[differs]!;
  });
}

test("residues are the positions of each period sorted by residue, and the mask over places is that of their tokens", () => {
  const property = fc.property(residuePrograms(420), fc.integer({ min: 1, max: 4 }), ({ program, modulus, N }, part) => {
    const module = moduleOf(program);
    expect([...positions(module, env(N), "k", 0, 0)!]).toEqual(sortedByResidue(N, modulus));
    expectPermuted(module, env(N, Math.ceil(N / part)));
  });
  fc.assert(property, { numRuns: 40 });
});

test("of one residue there is one class, and no layout", () => {
  expect(moduleOf(attention("attend q - k < 9\nlayout residues(1)", { space: "seq causal" })).layout).toBeUndefined();
});
