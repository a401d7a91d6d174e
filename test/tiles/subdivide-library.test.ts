import { expect, it } from "vitest";
import { headKey, planTiles } from "../../compiler/tiles/plan.js";
import { tilePlane } from "../../compiler/tiles/subdivide.js";
import { environments, staticOperators } from "./exceptions.js";

/** Tokens of a sequence; a grid has its own length. */
const LENGTH = 2 ** 20;
const BLOCK = 64;

/**
 * What it takes to count all tiles of a head, of the head for which it takes most. The tables of the library are read at the
 * layers that `environments` tries.
 */
it("plans the library at a million tokens with few questions", async () => {
  const rows: string[] = [];
  for (const [name, module] of staticOperators()) {
    const plan = planTiles(module);
    let most = { asked: 0, reused: 0, looked: 0, length: 0, tiles: 0, border: 0 };
    const seen = new Set<string>();
    for (const env of environments(module)) {
      const length = module.space.axes.length > 0 ? env.N : LENGTH;
      const at = { ...env, N: length, NQ: length };
      for (let head = 0; head < at.heads; head++) {
        const key = `${headKey(module, at, head)} ${at.layer}`;
        if (seen.has(key)) continue;
        seen.add(key);
        const plane = tilePlane(module, plan, at, { head, blockQ: BLOCK, blockK: BLOCK });
        const { partial } = plane.sums();
        const work = plane.work();
        if (work.asked >= most.asked) most = { ...work, length, tiles: plane.rows * plane.columns, border: partial };
      }
    }
    const cells = [most.length, most.tiles, most.border, most.asked, most.reused, most.looked];
    rows.push(name.padEnd(66) + cells.map((cell) => String(cell).padStart(10)).join(""));
    // No sequence of the library costs more than a few thousand questions, however many tiles its border has.
    if (most.length === LENGTH) expect([name, most.asked < 3000, most.looked < 200_000]).toEqual([name, true, true]);
  }
  const head =
    "operator".padEnd(66) + ["tokens", "tiles", "partial", "asked", "reused", "looked"].map((title) => title.padStart(10)).join("");
  const note = "asked: rectangles the analysis was asked about; reused: the same as an earlier one; looked: pairs looked at one by one\n";
  await expect([note, head, ...rows, ""].join("\n")).toMatchFileSnapshot("subdivide-library.txt");
});
