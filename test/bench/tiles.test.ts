import fc from "fast-check";
import { expect, test } from "vitest";
import { countWork } from "../../bench/measure/tiles.js";
import { compile } from "../../compiler/index.js";
import { positions } from "../../compiler/mask/layout/places.js";

const TEXT = `attention sample(window = 5, sink = 2, heads_with_sink = 1) {
  space  seq causal
  attend q - k < window | k < sink & h < heads_with_sink
}
`;

test("pairs and tiles are counted as one would by hand", () => {
  const sizes = fc.record({
    N: fc.integer({ min: 1, max: 50 }),
    window: fc.integer({ min: 1, max: 20 }),
    sink: fc.integer({ min: 0, max: 9 }),
  });
  fc.assert(
    fc.property(sizes, fc.constantFrom(1, 4, 8), fc.constantFrom(2, 4, 16), ({ N, window, sink }, tileQ, tileK) => {
      const { operators } = compile(TEXT, { params: { window, sink }, shape: { heads: 3 } });
      const work = countWork(operators[0]!.mask, { N, NQ: N, heads: 3, kvHeads: 3 }, { tileQ, tileK });
      const seen = (h: number, q: number, k: number): boolean => k <= q && (q - k < window || (k < sink && h < 1));
      let [pairs, tilePairs] = [0, 0];
      for (let h = 0; h < 3; h++) {
        const tiles = new Set<string>();
        for (let q = 0; q < N; q++) {
          for (let k = 0; k < N; k++) {
            if (!seen(h, q, k)) continue;
            pairs++;
            tiles.add(`${Math.floor(q / tileQ)} ${Math.floor(k / tileK)}`);
          }
        }
        for (const tile of tiles) {
          const [a, b] = tile.split(" ").map(Number) as [number, number];
          tilePairs += Math.min(tileQ, N - a * tileQ) * Math.min(tileK, N - b * tileK);
        }
      }
      expect(work).toMatchObject({ pairs, tilePairs });
      expect(work.visitedPairs).toBeGreaterThanOrEqual(tilePairs);
    }),
    { numRuns: 60 },
  );
});

test("with a layout, tiles are runs of places, and pairs are the same", () => {
  const text = (layout: string): string =>
    `attention sample(window = 9) {\n  space  seq causal\n  attend q - k < window & (q - k) % 2 == 0\n  ${layout}\n}\n`;
  const [laid, plain] = ["layout residues(2)", ""].map((layout) => compile(text(layout), { shape: { heads: 1 } }).operators[0]!.mask);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 150 }), fc.constantFrom(16, 32, 64), fc.constantFrom(16, 32), (N, tileQ, tileK) => {
      const env = { N, NQ: N, heads: 1, kvHeads: 1 };
      const work = countWork(laid!, env, { tileQ, tileK });
      const places = positions(laid!, env, "k", 0, 0);
      expect(work.pairs).toBe(countWork(plain!, env, { tileQ, tileK }).pairs);
      const tiles = new Set<string>();
      places!.forEach((q, row) =>
        places!.forEach((k, column) => {
          if (k <= q && q - k < 9 && (q - k) % 2 === 0) tiles.add(`${Math.floor(row / tileQ)} ${Math.floor(column / tileK)}`);
        }),
      );
      let area = 0;
      for (const tile of tiles) {
        const [a, b] = tile.split(" ").map(Number) as [number, number];
        area += Math.min(tileQ, N - a * tileQ) * Math.min(tileK, N - b * tileK);
      }
      expect(work.tilePairs).toBe(area);
      expect(work.visitedPairs).toBeGreaterThanOrEqual(area);
    }),
    { numRuns: 20 },
  );
});
