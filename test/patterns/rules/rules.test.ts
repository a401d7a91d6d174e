import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { boundOfKeys, lservePages, mobaBlocks, questPages, votedTokens } from "./key-blocks.js";
import { blockRow, blockSparse, executed, selected, snapped, verticalSlash, type VerticalSlash } from "./minference.js";
import { NSA, blockScores, nsaBlocks, overlapWeights, windowMasses } from "./nsa.js";
import { flexPrefill, pbs, smallestPrefix, sparge, sparseVideoGen2, xattention } from "./prefixes.js";
import { dot, range, sum, vectors } from "./tensors.js";

describe("shares of the mass", () => {
  /** Falling masses in sixty-fourths, so that every sum is exact, which sum to 1. */
  const masses = fc
    .array(fc.integer({ min: 0, max: 63 }), { maxLength: 12 })
    .map((cuts) => [...cuts, 0, 64].sort((a, b) => a - b))
    .map((cuts) =>
      cuts
        .slice(1)
        .map((cut, i) => (cut - cuts[i]!) / 64)
        .sort((a, b) => b - a),
    );
  const share = fc.integer({ min: 1, max: 64 }).map((part) => part / 64);

  test("by hand: masses 1/2, 1/4, 1/8, 1/8", () => {
    const row = [0.5, 0.25, 0.125, 0.125];
    const counts = (p: number): number[] =>
      [smallestPrefix, flexPrefill, sparseVideoGen2, pbs, sparge, xattention].map((rule) => rule(row, p));
    expect(counts(0.8)).toEqual([3, 3, 3, 3, 2, 3]);
    expect(counts(0.75)).toEqual([2, 3, 3, 2, 2, 2]);
    expect(counts(0.3)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test("PBS-Attn and XAttention keep the smallest prefix", () => {
    fc.assert(
      fc.property(masses, share, (row, p) => {
        expect(pbs(row, p)).toBe(smallestPrefix(row, p));
        expect(xattention(row, p)).toBe(smallestPrefix(row, p));
      }),
    );
  });

  test("FlexPrefill and Sparse VideoGen 2 keep more than it, where a prefix has exactly the share and only there", () => {
    fc.assert(
      fc.property(masses, share, (row, p) => {
        const smallest = smallestPrefix(row, p);
        const exact = sum(row.slice(0, smallest)) === p;
        expect(flexPrefill(row, p) > smallest).toBe(exact);
        expect(sparseVideoGen2(row, p)).toBe(Math.min(row.length, flexPrefill(row, p)));
        // The next entry has a mass: one more, and not more than one.
        if (exact && (row[smallest] ?? 0) > 0) expect(flexPrefill(row, p)).toBe(smallest + 1);
      }),
    );
  });

  test("SpargeAttn keeps one fewer, where no prefix has exactly the share and more than one entry is needed", () => {
    fc.assert(
      fc.property(masses, share, (row, p) => {
        const smallest = smallestPrefix(row, p);
        const exact = sum(row.slice(0, smallest)) === p;
        if (!exact) expect(sparge(row, p)).toBe(Math.max(1, smallest - 1));
        else expect(sparge(row, p)).toBeGreaterThanOrEqual(smallest);
      }),
    );
  });
});

describe("MInference", () => {
  const lists: fc.Arbitrary<VerticalSlash> = fc
    .tuple(fc.uniqueArray(fc.nat(319), { maxLength: 40 }), fc.uniqueArray(fc.nat(319), { maxLength: 20 }))
    .map(([columns, diagonals]) => ({ columns: new Set(columns), diagonals: new Set([0, ...diagonals]) }));

  test("by hand: the block of queries 128 to 191", () => {
    const row = blockRow({ columns: new Set([3, 70, 100, 130]), diagonals: new Set([0, 100, 110, 500]) }, 128);
    // Diagonal 110 crosses keys 18 to 81 and 100 keys 28 to 91, which lengthens the range by 64; 0 crosses 128 to 191.
    expect(row.ranges).toEqual([[18, 210]]);
    expect(row.keys).toEqual([3]);
    const apart = blockRow({ columns: new Set([3, 70, 100, 130]), diagonals: new Set([0, 110]) }, 256);
    expect(apart).toEqual({ ranges: [[146, 210], [256, 320]], keys: [3, 70, 100, 130] }); // prettier-ignore
  });

  test("what is executed holds what is selected, and so does what is snapped", () => {
    fc.assert(
      fc.property(lists, fc.nat(4), (kept, block) => {
        const row = blockRow(kept, block * 64);
        for (const i of range(64).map((r) => block * 64 + r)) {
          for (const j of range(i + 1)) {
            if (!selected(kept, i, j)) continue;
            expect(executed(row, i, j)).toBe(true);
            expect(snapped(kept, i, j)).toBe(true);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test("a column that is run without the test for causality lies before the block, with the nearest diagonal kept", () => {
    fc.assert(
      fc.property(lists, fc.nat(4), (kept, block) => {
        expect(blockRow(kept, block * 64).keys.every((key) => key < block * 64)).toBe(true);
      }),
    );
  });

  test("ranges that are not joined lie in the tiles that their diagonals snap to", () => {
    const few = fc.uniqueArray(fc.nat(447), { maxLength: 3 });
    fc.assert(
      fc.property(few, (distances) => {
        const kept = { columns: new Set<number>(), diagonals: new Set([0, ...distances]) };
        const row = blockRow(kept, 448);
        fc.pre(row.ranges.every(([from, to]) => to - from === 64));
        for (const i of [448, 449, 480, 511]) {
          for (const j of range(i + 1)) if (executed(row, i, j)) expect(snapped(kept, i, j)).toBe(true);
        }
      }),
    );
  });

  test("the budgets count what is forced", () => {
    const [q, k] = [vectors(200, 4, 1), vectors(200, 4, 2)];
    const kept = verticalSlash(q, k, 0.5, { columns: 40, diagonals: 120 });
    expect(kept.columns.size).toBe(40);
    expect(kept.diagonals.size).toBe(120);
    expect(range(30).every((j) => kept.columns.has(j))).toBe(true);
    expect(range(100).every((o) => kept.diagonals.has(o))).toBe(true);
    expect(verticalSlash(q, k, 0.5, { columns: 1, diagonals: 1 }).columns.size).toBe(30);
  });

  test("block-sparse heads need not keep their own block", () => {
    const away = range(128).map((i) => (i < 64 ? [1] : [-1]));
    const q = range(128).map(() => [1]);
    expect(blockSparse(q, away, 1).map((row) => [...row])).toEqual([[0], [0]]);
  });
});

describe("NSA", () => {
  test("weights 1, 2, 2, 2, 1 for windows of 32 every 16 and blocks of 64", () => {
    expect(overlapWeights(NSA)).toEqual([1, 2, 2, 2, 1]);
    expect(overlapWeights({ kernel: 32, stride: 32, block: 64 })).toEqual([1, 1]);
    expect(overlapWeights({ kernel: 16, stride: 16, block: 64 })).toEqual([1, 1, 1, 1]);
  });

  test("the weights are the overlaps of windows and blocks, in strides", () => {
    const sizes = fc
      .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 8 }))
      .map(([inWindow, inBlock, stride]) => ({ kernel: inWindow * stride, stride, block: inBlock * stride }));
    fc.assert(
      fc.property(sizes, fc.integer({ min: 0, max: 5 }), (size, b) => {
        const weights = overlapWeights(size);
        const lead = size.kernel / size.stride - 1;
        const first = (b * size.block) / size.stride - lead;
        for (const window of range(40)) {
          const mass = range(40).map((each) => (each === window ? 1 : 0));
          expect(blockScores(mass, b + 1, size)[b]).toBe(weights[window - first] ?? 0);
        }
      }),
    );
  });

  test("windows that a query is inside of have no mass", () => {
    const windows = vectors(9, 4, 3);
    const masses = windowMasses([1, 0, 0, 0], windows, 63, 1, NSA);
    expect(masses.map((mass) => mass > 0)).toEqual([true, true, true, false, false, false, false, false, false]);
    expect(windowMasses([1, 0, 0, 0], windows, 30, 1, NSA)).toEqual(windows.map(() => 0));
  });

  test("the first block and the last two are among the n", () => {
    const windows = vectors(63, 4, 5);
    const kept = nsaBlocks(vectors(2, 4, 6), windows, 1000, 0.5, { n: 5, init: 1, local: 2 });
    expect(kept.size).toBe(5);
    expect([0, 14, 15].every((b) => kept.has(b))).toBe(true);
    expect([...nsaBlocks(vectors(2, 4, 6), windows, 70, 0.5, { n: 5, init: 1, local: 2 })].sort()).toEqual([0, 1]);
  });
});

describe("blocks and pages of keys", () => {
  const small = fc.integer({ min: -20, max: 20 }).map((x) => x / 4);
  const keys = fc.array(fc.tuple(small, small, small), { minLength: 1, maxLength: 6 });

  test("Quest: no key of a page has a greater product than the page's bound, and one key alone has the bound", () => {
    fc.assert(
      fc.property(fc.tuple(small, small, small), keys, (query, page) => {
        for (const key of page) expect(dot(query, key)).toBeLessThanOrEqual(boundOfKeys(query, page));
        expect(boundOfKeys(query, [page[0]!])).toBe(dot(query, page[0]!));
      }),
    );
  });

  test("Quest keeps at least three pages", () => {
    const k = vectors(100, 4, 7);
    expect(questPages(k[99]!, k, 99, 16, 16).size).toBe(3);
    expect(questPages(k[99]!, k, 99, 16, 64).size).toBe(4);
    expect(questPages(k[9]!, k, 9, 16, 64).size).toBe(1);
  });

  test("LServe: a page is worth its best sub-page, and the newest is among the budget", () => {
    const k = range(200).map((j) => [j === 70 ? 9 : j < 64 ? 1 : 0]);
    expect([...lservePages([1], k, 199, 128)].sort()).toEqual([1, 3]);
    expect([...lservePages([1], k, 199, 64)]).toEqual([3]);
  });

  test("MoBA: the own block counts, and later ones are none", () => {
    const k = range(40).map((j) => [j < 8 ? 5 : j < 16 ? 4 : j < 24 ? 3 : 100]);
    expect([...mobaBlocks([1], k, 20, 8, 2)].sort()).toEqual([0, 2]);
    expect([...mobaBlocks([-1], k, 20, 8, 2)].sort()).toEqual([1, 2]);
    expect([...mobaBlocks([1], k, 3, 8, 2)]).toEqual([0]);
  });

  test("TokenSelect: the first and the last tokens come on top", () => {
    const votes = [9, 1, 5, 3, 4, 2, 0, 8];
    expect([...votedTokens(votes, 2, 1, 2)].sort()).toEqual([0, 2, 4, 6, 7]);
  });
});
