import { expect, it } from "vitest";
import { planTiles } from "../../compiler/tiles/plan.js";
import { printPlan } from "../../compiler/tiles/print.js";
import { compare, staticOperators } from "./exceptions.js";

/**
 * Where the analysis calls a tile partial that is empty or full, among all tiles of the static operators of the library; all
 * other tiles have their exact class. A kernel computes such a tile and masks it: it is slower there and not wrong.
 */
const EXCEPTIONS: Readonly<Record<string, readonly [emptyAsPartial: number, fullAsPartial: number]>> = {
  // A tile that spans the end of a row of a grid: `x % width` is taken to be anything, where it is the end of one row and the
  // start of the next. It does not happen where rows and tiles divide one another. Telling the parts of the tile apart would
  // ask everything once for each pair of parts, in each step of each kernel over such a grid.
  "grid_blocks height=27 width=37": [18, 0],
  "shifted_windows height=27 width=37": [54, 0],
  "proxies_mix frames=5 height=11 width=18": [259, 0],
  "proxies_spread frames=5 height=11 width=18": [248, 0],
  // A run of places that goes on in another row of cells is judged as the box around both parts.
  grat_surrounding: [42, 0],
  "grat_criss_cross frames=5 height=11 width=18": [242, 93],
  "grat_surrounding frames=5 height=11 width=18": [436, 3],
  "neighborhood_2d height=27 width=37 window=6 stride=4 dilation=2": [489, 0],
  "neighborhood_3d frames=5 height=11 width=18": [286, 0],
  "neighborhood_3d_causal_time frames=5 height=11 width=18": [177, 0],
  // The same; and extents that are unknown do not solve for the key, as products with them may leave 32 bits.
  neighborhood_2d_any_size: [11, 0],
  // The same; and the least distances on two axes may belong to different pairs.
  visual_radius: [34, 0],
  "visual_radius height=27 width=37": [188, 0],
  // A tile over two residues, as runs of 64 places are split by tiles of 128 and by tiles that do not begin at a multiple of
  // their size: kernels have neither.
  "neighborhood_1d length=1000 window=50 dilation=3": [4, 0],
  "neighborhood_1d_causal length=1000 window=50 dilation=3": [6, 0],
  dilated_window: [4, 0],
  dilated_window_full: [4, 0],
  // Tiles with tokens on both sides of the place where shifted groups begin again.
  sink_lora: [12, 0],
};

const operators = [...staticOperators()];
const rows: string[] = [];

it.each(operators)("classifies the tiles of %s", (name, module) => {
  const found = compare(module);
  expect(found.wrong).toEqual([]);
  const [empty, full] = EXCEPTIONS[name] ?? [0, 0];
  expect([name, found.emptyAsPartial, found.fullAsPartial, found.example]).toEqual([
    name,
    empty,
    full,
    empty + full > 0 ? expect.any(String) : undefined,
  ]);
  const size = printPlan(planTiles(module)).length;
  const ratio = (tiles: number): string => (tiles / found.nonempty).toFixed(2).padStart(8);
  rows.push(
    `${name.padEnd(66)}${String(found.tiles).padStart(7)}${ratio(found.visited)}${ratio(found.computed)}${String(size).padStart(7)}`,
  );
});

it("visits few tiles that are empty, and its plans are short", async () => {
  const head = "operator".padEnd(66) + "  tiles visited computed   size";
  const note = "visited, computed: in proportion to the tiles with a pair; size: characters of the printed plan\n";
  await expect([note, head, ...rows, ""].join("\n")).toMatchFileSnapshot("library.txt");
});

it("lists no exception that is none", () => {
  expect(Object.keys(EXCEPTIONS).filter((name) => !operators.some(([each]) => each === name))).toEqual([]);
});
