import fc from "fast-check";
import { attention } from "../semantics/compile.js";

const AXES = ["t", "y", "x", "w"];

/** Grids of up to four axes, each with the size of a tile on it, which need not divide the extent. */
export const tiledGrids = (longest: number) =>
  fc
    .array(fc.record({ extent: fc.integer({ min: 1, max: 9 }), size: fc.integer({ min: 1, max: 10 }) }), { minLength: 1, maxLength: 4 })
    .filter((axes) => lengthOf(axes) <= longest);

/** Grids whose extents are powers of two. */
export const binaryGrids = (longest: number) =>
  fc
    .array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 })
    .map((bits) => bits.map((n) => ({ extent: 2 ** n })))
    .filter((axes) => lengthOf(axes) <= longest);

const lengthOf = (axes: readonly { readonly extent: number }[]): number => axes.reduce((length, axis) => length * axis.extent, 1);

/** Conditions on the coordinates of an axis A, on positions, and on what stands behind the grid. */
const TERMS = [
  "near(A, window: WINDOW)",
  "near(A, window: WINDOW, stride: WINDOW)",
  "near(A, window: WINDOW, causal: true)",
  "q.A / 3 == k.A / 3",
  "q.A == k.A",
  "(q - k) % 7 == 0",
  "abs(q - k) < 9",
  "(q + 3).A == k.A",
  "k < 4",
  "last(5)",
  "q / 8 == k / 8",
  "pow2(q - k)",
  "q % 5 < h + 2",
  "NQ - q > 3",
];

export interface LayoutProgram {
  readonly program: string;
  readonly N: number;
}

interface LaidGrid {
  readonly axes: readonly { readonly extent: number }[];
  readonly layout: string;
}

const laidGrids = (longest: number): fc.Arbitrary<LaidGrid> => {
  const tiled: fc.Arbitrary<LaidGrid> = tiledGrids(longest).map((axes) => ({
    axes,
    layout: `tiles(${axes.map(({ size }) => size).join(", ")})`,
  }));
  const morton: fc.Arbitrary<LaidGrid> = binaryGrids(longest).map((axes) => ({ axes, layout: "curve(morton)" }));
  const gilbert: fc.Arbitrary<LaidGrid> = tiledGrids(longest)
    .filter((axes) => axes.length === 2 || axes.length === 3)
    .map((axes) => ({ axes, layout: "curve(gilbert)" }));
  return fc.oneof({ weight: 3, arbitrary: tiled }, { weight: 1, arbitrary: morton }, { weight: 1, arbitrary: gilbert });
};

/** Random programs over random grids with a layout, some with text behind the grid, some causal. */
export const layoutPrograms = (longest: number): fc.Arbitrary<LayoutProgram> =>
  fc
    .record({
      grid: laidGrids(longest - 5),
      text: fc.constantFrom(0, 0, 1, 5),
      causal: fc.boolean(),
      terms: fc.array(fc.record({ term: fc.constantFrom(...TERMS), axis: fc.nat(), window: fc.nat() }), { minLength: 1, maxLength: 4 }),
    })
    .map(({ grid: { axes, layout }, text, causal, terms }) => {
      const used = terms.map(({ term, axis, window }) => {
        const i = axis % axes.length;
        return term.replaceAll("A", AXES[i]!).replaceAll("WINDOW", String(1 + (window % axes[i]!.extent)));
      });
      const mask = used.slice(1).reduce((all, term, i) => (i % 2 === 0 ? `(${all}) & ${term}` : `(${all}) | ${term}`), used[0]!);
      const grid = axes.map(({ extent }, i) => `${AXES[i]!}: ${extent}`).join(", ");
      const space = `grid(${grid})${text > 0 ? ` + text(${text})` : ""}${causal ? " causal" : ""}`;
      return { program: attention(`attend ${mask}${text > 0 ? " | text" : ""}\nlayout ${layout}`, { space }), N: lengthOf(axes) + text };
    });

const SEQUENCE_TERMS = [
  "(q - k) % 3 == 0",
  "q - k < 70",
  "abs(q - k) <= 40",
  "q % 6 == k % 6",
  "q / 8 == k / 8",
  "k < 4",
  "N - q < 9",
  "q % 5 < h + 2",
];

/** Random programs over sequences whose tokens are laid out by residues. */
export const residuePrograms = (longest: number): fc.Arbitrary<LayoutProgram & { readonly modulus: number }> =>
  fc
    .record({
      terms: fc.array(fc.constantFrom(...SEQUENCE_TERMS), { minLength: 1, maxLength: 3 }),
      space: fc.constantFrom("seq causal", "seq full"),
      modulus: fc.constantFrom(2, 3),
      N: fc.integer({ min: 1, max: longest }),
    })
    .map(({ terms, space, modulus, N }) => {
      const mask = terms.reduce((all, term, i) => (i % 2 === 1 ? `(${all}) & ${term}` : `(${all}) | ${term}`));
      return { program: attention(`attend ${mask}\nlayout residues(${modulus})`, { space }), modulus, N };
    });
